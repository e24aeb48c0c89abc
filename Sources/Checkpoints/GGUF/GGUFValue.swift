import Bytes

/// A metadata value of a GGUF file.
enum GGUFValue: Sendable {
  case unsigned(UInt64)
  case signed(Int64)
  case float(Double)
  case bool(Bool)
  case string(ByteSlice)
  case array(GGUFArray)

  /// The value of a signed or unsigned integer; nil for other kinds or on overflow.
  var integer: Int? {
    switch self {
    case .unsigned(let value): Int(exactly: value)
    case .signed(let value): Int(value)
    default: nil
    }
  }

  /// The value of an integer or float; nil for other kinds.
  var number: Double? {
    switch self {
    case .unsigned(let value): Double(value)
    case .signed(let value): Double(value)
    case .float(let value): value
    default: nil
    }
  }

  /// The kind of value, for error messages.
  var kindName: String {
    switch self {
    case .unsigned, .signed: "an integer"
    case .float: "a float"
    case .bool: "a boolean"
    case .string: "a string"
    case .array(let array): "an array of \(array.count)"
    }
  }
}

/// The type codes of metadata values (the format's own numbers).
enum GGUFValueType: UInt32, Sendable {
  case u8 = 0
  case i8 = 1
  case u16 = 2
  case i16 = 3
  case u32 = 4
  case i32 = 5
  case f32 = 6
  case bool = 7
  case string = 8
  case array = 9
  case u64 = 10
  case i64 = 11
  case f64 = 12

  /// Minimum size of a value in bytes; for a string, the size of its length field.
  var minimumSize: Int {
    switch self {
    case .u8, .i8, .bool: 1
    case .u16, .i16: 2
    case .u32, .i32, .f32: 4
    case .string, .u64, .i64, .f64: 8
    case .array: 12
    }
  }
}

/// An array value as a view of the file; the bounds of its elements were checked during parsing.
struct GGUFArray: Sendable {
  let element: GGUFValueType
  let count: Int
  /// The elements in the file's encoding.
  let bytes: ByteSlice
}

extension GGUFCursor {
  mutating func valueType(_ what: String) throws(Failure) -> GGUFValueType {
    let place = offset
    let code = try integer("the type of \(what)", as: UInt32.self)
    guard let type = GGUFValueType(rawValue: code) else {
      throw failure("\(what) has the unknown type \(code)", at: place)
    }
    return type
  }

  mutating func value(_ type: GGUFValueType, _ what: String) throws(Failure) -> GGUFValue {
    switch type {
    case .u8: return .unsigned(UInt64(try integer(what, as: UInt8.self)))
    case .u16: return .unsigned(UInt64(try integer(what, as: UInt16.self)))
    case .u32: return .unsigned(UInt64(try integer(what, as: UInt32.self)))
    case .u64: return .unsigned(try integer(what, as: UInt64.self))
    case .i8: return .signed(Int64(try integer(what, as: Int8.self)))
    case .i16: return .signed(Int64(try integer(what, as: Int16.self)))
    case .i32: return .signed(Int64(try integer(what, as: Int32.self)))
    case .i64: return .signed(try integer(what, as: Int64.self))
    case .f32: return .float(Double(Float(bitPattern: try integer(what, as: UInt32.self))))
    case .f64: return .float(Double(bitPattern: try integer(what, as: UInt64.self)))
    case .bool:
      let place = offset
      let byte = try integer(what, as: UInt8.self)
      guard byte <= 1 else {
        throw failure("\(what) is the boolean \(byte); expected 0 or 1", at: place)
      }
      return .bool(byte == 1)
    case .string: return .string(try string(what))
    case .array: return .array(try array(what))
    }
  }

  private mutating func array(_ what: String) throws(Failure) -> GGUFArray {
    let place = offset
    let element = try valueType("the elements of \(what)")
    guard element != .array else {
      throw failure("\(what) is an array of arrays, which isn't supported", at: place)
    }
    let count = try count("elements of \(what)", minimum: element.minimumSize)
    let start = offset
    if element == .string {
      for _ in 0..<count { _ = try string("an element of \(what)") }
    } else {
      // Can't overflow: `count` was checked against the bytes that are left.
      _ = try take(UInt64(count * element.minimumSize), what)
    }
    guard let elements = bytes.slice(start..<offset) else { throw failure("\(what) has no bytes") }
    return GGUFArray(element: element, count: count, bytes: elements)
  }
}
