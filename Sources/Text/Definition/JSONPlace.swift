import Bytes

/// A value inside a tokenizer.json together with the path to it, so that whatever is wrong with it
/// can be named: `pre_tokenizer.pretokenizers[1].pattern`.
struct JSONPlace {
  let value: JSON
  let path: String
  let file: String?

  func failure(_ finding: String, advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: path.isEmpty ? nil : path, finding, advice: advice)
  }

  /// The failure of an inner reader that doesn't know where it is.
  func placed(_ failure: Failure) -> Failure { failure.located(file: file, at: path) }

  /// The member `key`; nil where it's absent or null.
  func optional(_ key: String) -> JSONPlace? {
    guard let member = value[key], !member.isNull else { return nil }
    return JSONPlace(value: member, path: path.isEmpty ? key : "\(path).\(key)", file: file)
  }

  func required(_ key: String) throws(Failure) -> JSONPlace {
    guard value.object != nil else { throw failure("expected an object, found \(value.kindName)") }
    guard let member = optional(key) else { throw failure("the key \"\(key)\" is missing") }
    return member
  }

  func string() throws(Failure) -> String {
    guard let string = value.string else { throw expected("a string") }
    return string
  }

  func bool() throws(Failure) -> Bool {
    guard let bool = value.bool else { throw expected("true or false") }
    return bool
  }

  func integer() throws(Failure) -> Int {
    guard let integer = value.int else { throw expected("an integer") }
    return integer
  }

  func object() throws(Failure) -> JSONObject {
    guard let object = value.object else { throw expected("an object") }
    return object
  }

  func elements() throws(Failure) -> [JSONPlace] {
    guard let array = value.array else { throw expected("an array") }
    return array.enumerated().map { index, value in
      JSONPlace(value: value, path: "\(path)[\(index)]", file: file)
    }
  }

  /// The member `key` as a boolean, `fallback` where absent.
  func flag(_ key: String, default fallback: Bool) throws(Failure) -> Bool {
    guard let member = optional(key) else { return fallback }
    return try member.bool()
  }

  /// The one scalar of the string.
  func scalar() throws(Failure) -> UInt32 {
    let scalars = Array(try string().unicodeScalars)
    guard scalars.count == 1 else { throw expected("a single character") }
    return scalars[0].value
  }

  private func expected(_ what: String) -> Failure {
    failure("expected \(what), found \(value.kindName)")
  }

  /// The type of a component, the member "type".
  func type() throws(Failure) -> String { try required("type").string() }

  func unsupported(_ kind: String, _ name: String) -> Failure {
    failure("the \(kind) \"\(name.prefix(64))\" isn't supported")
  }

  /// The components of a Sequence in `key`, each at most `depth` levels above the deepest allowed.
  func parts(_ key: String, depth: Int) throws(Failure) -> [JSONPlace] {
    guard depth < 16 else { throw failure("sequences nested deeper than 16") }
    return try required(key).elements()
  }
}
