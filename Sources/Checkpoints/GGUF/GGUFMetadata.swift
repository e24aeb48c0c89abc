import Bytes

/// The key-value metadata of a GGUF file, with typed lookups that name the key in every failure.
struct GGUFMetadata: Sendable {
  let file: String
  private(set) var values: [String: GGUFValue] = [:]

  init(parsing cursor: inout GGUFCursor, count: Int) throws(Failure) {
    file = cursor.file
    for _ in 0..<count {
      let place = cursor.offset
      let bytes = try cursor.string("a metadata key")
      guard bytes.count <= 65535, let key = String(validating: bytes.array, as: UTF8.self) else {
        throw cursor.failure("the metadata key isn't UTF-8 of at most 65535 bytes", at: place)
      }
      let type = try cursor.valueType("the value of \(key.quoted)")
      let value = try cursor.value(type, "the value of \(key.quoted)")
      guard values.updateValue(value, forKey: key) == nil else {
        throw cursor.failure("the metadata key \(key.quoted) appears twice", at: place)
      }
    }
  }

  func failure(_ key: String, _ finding: String, advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "key \(key.quoted)", finding, advice: advice)
  }

  /// The integer at `key`, checked against `range`; nil if absent.
  func integer(_ key: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
    guard let value = values[key] else { return nil }
    guard let integer = value.integer else {
      throw failure(key, "expected an integer, found \(value.kindName)")
    }
    guard range.contains(integer) else {
      throw failure(key, "is \(integer); expected \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  func requiredInteger(_ key: String, in range: ClosedRange<Int>) throws(Failure) -> Int {
    guard let value = try integer(key, in: range) else { throw failure(key, "is missing") }
    return value
  }

  func number(_ key: String) throws(Failure) -> Double? {
    guard let value = values[key] else { return nil }
    guard let number = value.number else {
      throw failure(key, "expected a number, found \(value.kindName)")
    }
    return number
  }

  func boolean(_ key: String) throws(Failure) -> Bool? {
    guard let value = values[key] else { return nil }
    guard case .bool(let boolean) = value else {
      throw failure(key, "expected a boolean, found \(value.kindName)")
    }
    return boolean
  }

  func string(_ key: String) throws(Failure) -> String? {
    guard let value = values[key] else { return nil }
    guard case .string(let bytes) = value, let text = String(validating: bytes.array, as: UTF8.self)
    else { throw failure(key, "expected a UTF-8 string, found \(value.kindName)") }
    return text
  }

  /// The array at `key`, converted by `read`; nil if absent.
  func array<T>(
    _ key: String, of kind: String, _ read: (GGUFArray) -> [T]?
  ) throws(Failure) -> [T]? {
    guard let value = values[key] else { return nil }
    guard case .array(let array) = value, let elements = read(array) else {
      throw failure(key, "expected an array of \(kind), found \(value.kindName)")
    }
    return elements
  }

  /// The alignment of tensor data in bytes, a power of two: `general.alignment`, or 32 if absent.
  func alignment() throws(Failure) -> Int {
    let alignment = try integer("general.alignment", in: 1...(1 << 20)) ?? 32
    guard alignment & (alignment - 1) == 0 else {
      throw failure("general.alignment", "is \(alignment), not a power of two")
    }
    return alignment
  }
}
