import Bytes

/// A reader of settings in a JSON object, which checks ranges and names the key in every failure.
struct SettingsReader {
  let settings: JSON
  let file: String?

  init(_ settings: JSON, file: String?) throws(Failure) {
    guard settings.object != nil else {
      throw Failure(.invalidData, file: file, "expected an object, found \(settings.kindName)")
    }
    self.settings = settings
    self.file = file
  }

  func failure(_ key: String, _ finding: String, advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "key \"\(key)\"", finding, advice: advice)
  }

  /// The value of `key`; nil if absent or null.
  func value(_ key: String) -> JSON? {
    guard let value = settings[key], !value.isNull else { return nil }
    return value
  }

  /// Whether `key` is present, even if it is null.
  func has(_ key: String) -> Bool { settings[key] != nil }

  /// The integer at `key`, checked against `range`; nil if absent or null.
  func integer(_ key: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
    guard let value = value(key) else { return nil }
    guard let integer = value.int else {
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
    guard let value = value(key) else { return nil }
    guard let number = value.double else {
      throw failure(key, "expected a number, found \(value.kindName)")
    }
    return number
  }

  func requiredNumber(_ key: String) throws(Failure) -> Double {
    guard let value = try number(key) else { throw failure(key, "is missing") }
    return value
  }

  func boolean(_ key: String) throws(Failure) -> Bool? {
    guard let value = value(key) else { return nil }
    guard let boolean = value.bool else {
      throw failure(key, "expected a boolean, found \(value.kindName)")
    }
    return boolean
  }

  func string(_ key: String) throws(Failure) -> String? {
    guard let value = value(key) else { return nil }
    guard let string = value.string else {
      throw failure(key, "expected a string, found \(value.kindName)")
    }
    return string
  }

  /// The token ids at `key`, one number or an array of them; nil if absent or null.
  func tokens(_ key: String) throws(Failure) -> [Int32]? {
    guard let value = value(key) else { return nil }
    var tokens: [Int32] = []
    for element in value.array ?? [value] {
      guard let id = element.int.flatMap(Int32.init(exactly:)) else {
        throw failure(key, "expected a token id or an array of them")
      }
      // Some configurations write "none" as −1.
      if id >= 0 { tokens.append(id) }
    }
    guard tokens.count <= 64 else {
      throw failure(key, "holds \(tokens.count) token ids; at most 64 are supported")
    }
    return tokens
  }
}
