/// Access to members and elements: optional forms for optional values, throwing forms for required
/// ones.
extension JSON {
  /// The member `key`; nil if it is absent or this isn't an object.
  public subscript(key: String) -> JSON? { object?[key] }
  /// The element `index`; nil if it is out of range or this isn't an array.
  public subscript(index: Int) -> JSON? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }

  /// Whether this is null.
  public var isNull: Bool { if case .null = self { true } else { false } }
  /// The value if it is a boolean; otherwise nil.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The value if it is a string; otherwise nil.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The value if it is an array; otherwise nil.
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  /// The value if it is an object; otherwise nil.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// The value as an integer, including one written as `3.0`; nil for anything else.
  public var int: Int? {
    switch self {
    case .integer(let value): Int(exactly: value)
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }
  /// The value as a double, integers included; nil if this isn't a number.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The type of this value in words for error messages: "a string".
  public var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// Returns the member `key`.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or this isn't an object.
  public func required(_ key: String, file: String? = nil) throws(Failure) -> JSON {
    guard let object else {
      throw Failure(
        .invalidData, file: file, at: "key \"\(key)\"",
        "expected inside an object, found \(kindName)")
    }
    guard let value = object[key] else {
      throw Failure(.invalidData, file: file, at: "key \"\(key)\"", "is missing")
    }
    return value
  }

  /// Returns the member `key` converted by `read`.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or `read` returns nil.
  private func typed<T>(
    _ key: String, _ file: String?, _ expected: String, _ read: (JSON) -> T?
  ) throws(Failure) -> T {
    let value = try required(key, file: file)
    guard let result = read(value) else {
      throw Failure(
        .invalidData, file: file, at: "key \"\(key)\"",
        "expected \(expected), found \(value.kindName)")
    }
    return result
  }

  /// Returns the member `key`, which must be a string.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or of another type.
  public func required(_ key: String, as type: String.Type, file: String? = nil) throws(Failure)
    -> String
  {
    try typed(key, file, "a string", \.string)
  }
  /// Returns the member `key`, which must be an integer.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or of another type.
  public func required(_ key: String, as type: Int.Type, file: String? = nil) throws(Failure) -> Int
  {
    try typed(key, file, "an integer", \.int)
  }
  /// Returns the member `key`, which must be a number.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or of another type.
  public func required(_ key: String, as type: Double.Type, file: String? = nil) throws(Failure)
    -> Double
  {
    try typed(key, file, "a number", \.double)
  }
  /// Returns the member `key`, which must be a boolean.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or of another type.
  public func required(_ key: String, as type: Bool.Type, file: String? = nil) throws(Failure)
    -> Bool
  {
    try typed(key, file, "a boolean", \.bool)
  }
  /// Returns the member `key`, which must be an array.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or of another type.
  public func required(_ key: String, as type: [JSON].Type, file: String? = nil) throws(Failure)
    -> [JSON]
  {
    try typed(key, file, "an array", \.array)
  }
  /// Returns the member `key`, which must be an object.
  ///
  /// - Throws: `invalidData` naming the key if it is missing or of another type.
  public func required(_ key: String, as type: JSONObject.Type, file: String? = nil) throws(Failure)
    -> JSONObject
  {
    try typed(key, file, "an object", \.object)
  }
}
