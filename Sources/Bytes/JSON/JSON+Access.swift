/// Access to members and elements: optional for those that may be missing, throwing for the others.
extension JSON {
  /// The member `key`; nil where absent or where this is no object.
  public subscript(key: String) -> JSON? { object?[key] }
  /// The element `index`; nil where out of range or where this is no array.
  public subscript(index: Int) -> JSON? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }

  /// Whether this is null.
  public var isNull: Bool { if case .null = self { true } else { false } }
  /// The value of a boolean; nil for any other kind.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The value of a string; nil for any other kind.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The elements of an array; nil for any other kind.
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  /// The members of an object; nil for any other kind.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// An integer, also one written like `3.0`.
  public var int: Int? {
    switch self {
    case .integer(let value): Int(exactly: value)
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }
  /// Any number.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The kind of value for error texts: "a string".
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

  /// The member `key`, or `invalidData` that names it.
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

  /// The member `key`, which must be a string.
  /// - Throws: `invalidData` naming the key where it is missing or of another kind.
  public func required(_ key: String, as type: String.Type, file: String? = nil) throws(Failure)
    -> String
  {
    try typed(key, file, "a string", \.string)
  }
  /// The member `key`, which must be an integer.
  /// - Throws: `invalidData` naming the key where it is missing or of another kind.
  public func required(_ key: String, as type: Int.Type, file: String? = nil) throws(Failure) -> Int
  {
    try typed(key, file, "an integer", \.int)
  }
  /// The member `key`, which must be a number.
  /// - Throws: `invalidData` naming the key where it is missing or of another kind.
  public func required(_ key: String, as type: Double.Type, file: String? = nil) throws(Failure)
    -> Double
  {
    try typed(key, file, "a number", \.double)
  }
  /// The member `key`, which must be a boolean.
  /// - Throws: `invalidData` naming the key where it is missing or of another kind.
  public func required(_ key: String, as type: Bool.Type, file: String? = nil) throws(Failure)
    -> Bool
  {
    try typed(key, file, "a boolean", \.bool)
  }
  /// The member `key`, which must be an array.
  /// - Throws: `invalidData` naming the key where it is missing or of another kind.
  public func required(_ key: String, as type: [JSON].Type, file: String? = nil) throws(Failure)
    -> [JSON]
  {
    try typed(key, file, "an array", \.array)
  }
  /// The member `key`, which must be an object.
  /// - Throws: `invalidData` naming the key where it is missing or of another kind.
  public func required(_ key: String, as type: JSONObject.Type, file: String? = nil) throws(Failure)
    -> JSONObject
  {
    try typed(key, file, "an object", \.object)
  }
}
