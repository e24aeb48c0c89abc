/// A JSON value. Integers that fit in 64 bits stay integers; other numbers are doubles.
///
/// The project has its own type because its files are untrusted and hashed: the parser must reject
/// duplicate keys and report offsets, and every value must have one canonical text. A value takes
/// `MemoryLayout<JSON>.stride` bytes, 24, in its array or object, and no allocation of its own
/// unless it is a long string or has parts.
public enum JSON: Sendable {
  /// null
  case null
  /// true or false
  case bool(Bool)
  /// A number without fraction and exponent that fits 64 bits.
  case integer(Int64)
  /// Any other number; finite.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSON])
  /// An object, its members in the order of the text.
  case object(JSONObject)
}

extension JSON: Equatable {
  /// Compares strings by their UTF-8 bytes, not by canonical equivalence, doubles by their bits,
  /// and objects regardless of the order of their keys.
  public static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let x), .bool(let y)): x == y
    case (.integer(let x), .integer(let y)): x == y
    case (.number(let x), .number(let y)): x.bitPattern == y.bitPattern
    case (.string(let x), .string(let y)): x.utf8.elementsEqual(y.utf8)
    case (.array(let x), .array(let y)): x == y
    case (.object(let x), .object(let y)): x == y
    default: false
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An integer.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// null
  public init(nilLiteral: ()) { self = .null }
  /// An array of `elements`.
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// Makes an object; of two equal keys, the later value is kept.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    var object = JSONObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
  /// An integer.
  public init(_ value: Int) { self = .integer(Int64(value)) }
  /// An array of integers.
  public init(_ values: [Int]) { self = .array(values.map { .integer(Int64($0)) }) }
  /// An array of strings.
  public init(_ values: [String]) { self = .array(values.map { .string($0) }) }
}
