import Bytes

/// A reader of the part of Python's pickle format that state dicts need. It runs no code: only the
/// opcodes that build plain values and the globals in `PickleGlobal` are accepted; everything else
/// is refused by name and byte offset.
///
/// A pickle is a program for a stack machine (PEP 307, PEP 3154; CPython's `pickletools.py`
/// documents the opcodes). Each value is created once and numbered; the stack, the memo and
/// containers hold numbers.
struct Pickle {
  /// All values by number.
  private(set) var values: [PickleValue] = []
  /// The number of the program's result.
  private(set) var root = 0

  private let bytes: ByteSlice
  private let place: String
  private let file: String
  private var offset = 0
  /// Byte offset of the current opcode.
  private var start = 0
  private var stack: [Int] = []
  /// Stack heights at the open marks.
  private var marks: [Int] = []
  private var memo = PickleMemo()
  /// The numbers of values that never change, which are created once, by `Constant`; nil before.
  private var constants = [Int?](repeating: nil, count: Constant.allCases.count)
  private var budget: InputBudget

  private enum Constant: Int, CaseIterable { case none, yes, no, emptyTuple }

  /// Upper bounds of the memory of the machine's parts, in bytes; arrays may have twice the capacity
  /// of their counts.
  enum Cost {
    static let value = 2 * MemoryLayout<PickleValue>.stride
    /// A number on the stack, in a container or among the marks.
    static let number = 2 * MemoryLayout<Int>.stride
    /// A container's or a string's header.
    static let allocation = 48
    /// The description of a storage or a tensor beside its value.
    static let description = 160
  }
  /// Bytes of memory per byte of the pickle; a state dict takes about 15.
  private static let factor = 32
  private static let base = 4 << 20

  /// Size limit of a pickle, in bytes: more than any state dict needs (about 200 bytes per tensor),
  /// but small enough that a hostile file can't exhaust the memory.
  static let sizeLimit = 16 << 20

  /// Evaluates the pickle in `bytes`.
  ///
  /// - Parameter place: The pickle's name inside `file`, for errors.
  /// - Throws: `invalidData` naming the opcode or global and its byte offset.
  init(bytes: ByteSlice, file: String, place: String = "data.pkl") throws(Failure) {
    self.bytes = bytes
    self.file = file
    self.place = place
    budget = InputBudget(bytes: bytes.count, factor: Self.factor, base: Self.base)
    guard bytes.count <= Self.sizeLimit else {
      throw refuse("the pickle has \(bytes.count) bytes; at most \(Self.sizeLimit) are supported")
    }
    while true {
      start = offset
      let code = try integer(UInt8.self)
      if code == UInt8(ascii: ".") { break }
      try run(code)
    }
    root = try pop()
  }

  func refuse(_ finding: String, advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "\(place), byte \(start)", finding, advice: advice)
  }

  // MARK: The machine

  private mutating func run(_ code: UInt8) throws(Failure) {
    switch code {
    case 0x80:  // PROTO
      let version = try integer(UInt8.self)
      guard version <= 5 else { throw refuse("pickle protocol \(version) isn't known") }
    case 0x95: _ = try integer(UInt64.self)  // FRAME: only a hint for reading ahead
    case UInt8(ascii: "N"): try push(constant: .none, .none)
    case 0x88: try push(constant: .yes, .bool(true))  // NEWTRUE
    case 0x89: try push(constant: .no, .bool(false))  // NEWFALSE
    case UInt8(ascii: "J"): try push(.integer(Int(integer(Int32.self))))  // BININT
    case UInt8(ascii: "K"): try push(.integer(Int(integer(UInt8.self))))  // BININT1
    case UInt8(ascii: "M"): try push(.integer(Int(integer(UInt16.self))))  // BININT2
    case 0x8A: try push(.integer(long()))  // LONG1
    case UInt8(ascii: "G"):  // BINFLOAT; the value of a float is never needed
      _ = try integer(UInt64.self)
      try push(.number)
    case UInt8(ascii: "X"): try push(.text(text(Int(integer(UInt32.self)))))  // BINUNICODE
    case 0x8C: try push(.text(text(Int(integer(UInt8.self)))))  // SHORT_BINUNICODE
    case UInt8(ascii: "("):
      try take(Cost.number)
      marks.append(stack.count)
    case UInt8(ascii: ")"): try push(constant: .emptyTuple, .tuple([]))
    case UInt8(ascii: "t"): try push(.tuple(popToMark()))
    case 0x85...0x87: try push(.tuple(pop(Int(code) - 0x84)))  // TUPLE1, TUPLE2, TUPLE3
    case UInt8(ascii: "]"): try push(.list([]))
    case UInt8(ascii: "a"): try append([pop()])
    case UInt8(ascii: "e"): try append(popToMark())
    case UInt8(ascii: "}"): try push(.dictionary([]))
    case UInt8(ascii: "s"): try set(pop(2))
    case UInt8(ascii: "u"): try set(popToMark())
    case UInt8(ascii: "q"): try memoize(Int(integer(UInt8.self)))  // BINPUT
    case UInt8(ascii: "r"): try memoize(Int(integer(UInt32.self)))  // LONG_BINPUT
    case 0x94: try memoize(memo.count)  // MEMOIZE
    case UInt8(ascii: "h"): try recall(Int(integer(UInt8.self)))  // BINGET
    case UInt8(ascii: "j"): try recall(Int(integer(UInt32.self)))  // LONG_BINGET
    case UInt8(ascii: "c"): try push(.global(global(module: line(), name: line())))
    case 0x93:  // STACK_GLOBAL
      let names = try pop(2)
      guard case .text(let module) = values[names[0]], case .text(let name) = values[names[1]]
      else { throw refuse("the name of a global isn't a string") }
      try push(.global(global(module: module, name: name)))
    case UInt8(ascii: "Q"): try push(.storage(storage(pop())))  // BINPERSID
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    default:
      let hex = String(code, radix: 16, uppercase: true)
      throw refuse("the opcode 0x\(hex) isn't one that state dicts use", advice: Self.advice)
    }
  }

  static let advice =
    "nothing in the file was run; if you trust it, load it with PyTorch and save the model as"
    + " safetensors"

  /// Takes memory for what the current opcode makes.
  private mutating func take(_ bytes: Int) throws(Failure) {
    do {
      try budget.take(bytes)
    } catch { throw refuse(error.finding, advice: error.advice) }
  }

  /// Pushes a new value.
  mutating func push(_ value: PickleValue) throws(Failure) {
    try take(Cost.value + value.ownCost)
    values.append(value)
    try push(known: values.count - 1)
  }

  /// Pushes an existing value again.
  mutating func push(known value: Int) throws(Failure) {
    try take(Cost.number)
    stack.append(value)
  }

  private mutating func push(constant: Constant, _ value: PickleValue) throws(Failure) {
    if let known = constants[constant.rawValue] { return try push(known: known) }
    try push(value)
    constants[constant.rawValue] = values.count - 1
  }

  private mutating func memoize(_ key: Int) throws(Failure) {
    try take(memo.cost(of: key))
    let value = try top()
    memo.set(key, to: value)
  }

  private func top() throws(Failure) -> Int {
    guard let last = stack.last, stack.count > marks.last ?? 0 else {
      throw refuse("the pickle takes a value from an empty stack")
    }
    return last
  }

  mutating func pop() throws(Failure) -> Int {
    let value = try top()
    stack.removeLast()
    return value
  }

  /// Pops `count` values; the topmost comes last.
  mutating func pop(_ count: Int) throws(Failure) -> [Int] {
    guard stack.count - (marks.last ?? 0) >= count else {
      throw refuse("the pickle takes a value from an empty stack")
    }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws(Failure) -> [Int] {
    guard let height = marks.popLast() else { throw refuse("a mark is missing") }
    defer { stack.removeLast(stack.count - height) }
    return Array(stack[height...])
  }

  private mutating func recall(_ key: Int) throws(Failure) {
    guard let value = memo[key] else { throw refuse("the memo has no entry \(key)") }
    try push(known: value)
  }

  // MARK: Containers

  private mutating func append(_ items: [Int]) throws(Failure) {
    let target = try top()
    guard case .list(var all) = values[target] else {
      throw refuse("the pickle appends to \(values[target].kindName)")
    }
    try take(Cost.allocation + items.count * Cost.number)
    // Taken out first: with a second owner, every append would copy the list.
    values[target] = .none
    all += items
    values[target] = .list(all)
  }

  private mutating func set(_ items: [Int]) throws(Failure) {
    let target = try top()
    guard case .dictionary(var all) = values[target] else {
      throw refuse("the pickle sets items of \(values[target].kindName)")
    }
    guard items.count % 2 == 0 else { throw refuse("a dictionary key has no value") }
    try take(Cost.allocation + items.count * Cost.number)
    values[target] = .none
    for place in stride(from: 0, to: items.count, by: 2) {
      all.append((items[place], items[place + 1]))
    }
    values[target] = .dictionary(all)
  }

  // MARK: Operands

  private mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(Failure) -> T {
    guard let value = bytes.integer(at: offset, as: T.self) else {
      throw refuse("the pickle ends without a stop opcode")
    }
    offset += MemoryLayout<T>.size
    return value
  }

  /// Reads a little-endian two's-complement integer of at most eight bytes.
  private mutating func long() throws(Failure) -> Int {
    let count = Int(try integer(UInt8.self))
    guard count <= 8 else { throw refuse("an integer has \(count) bytes; at most 8 are supported") }
    var number: UInt64 = 0
    var last: UInt8 = 0
    for place in 0..<count {
      last = try integer(UInt8.self)
      number |= UInt64(last) << (8 * UInt64(place))
    }
    if last >= 0x80, count < 8 { number |= .max << (8 * UInt64(count)) }
    return Int(Int64(bitPattern: number))
  }

  private mutating func text(_ count: Int) throws(Failure) -> String {
    guard count <= bytes.count - offset, let slice = bytes.slice(offset..<offset + count) else {
      throw refuse("a string takes \(count) bytes, but only \(bytes.count - offset) are left")
    }
    guard let text = String(validating: slice.array, as: UTF8.self) else {
      throw refuse("a string isn't valid UTF-8")
    }
    offset += count
    return text
  }

  /// Reads up to the next line feed.
  private mutating func line() throws(Failure) -> String {
    var end = offset
    while end < bytes.count, end - offset < 256, bytes[end] != UInt8(ascii: "\n") { end += 1 }
    guard end < bytes.count, bytes[end] == UInt8(ascii: "\n") else {
      throw refuse("the name of a global doesn't end in a line feed")
    }
    let line = try text(end - offset)
    offset += 1
    return line
  }
}

extension PickleValue {
  /// An upper bound of the memory that a new value takes beside its place in the list, in bytes.
  fileprivate var ownCost: Int {
    switch self {
    case .none, .bool, .integer, .number, .global: 0
    case .text(let text): Pickle.Cost.allocation + text.utf8.count
    case .tuple(let items), .list(let items):
      items.isEmpty ? 0 : Pickle.Cost.allocation + items.count * Pickle.Cost.number
    case .dictionary(let items):
      items.isEmpty ? 0 : Pickle.Cost.allocation + 2 * items.count * Pickle.Cost.number
    case .storage, .tensor: Pickle.Cost.description
    }
  }
}
