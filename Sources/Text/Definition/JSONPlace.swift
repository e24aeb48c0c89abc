import Bytes

/// A value in a tokenizer.json with its path, such as `pre_tokenizer.pretokenizers[1].pattern`,
/// which failures name.
struct JSONPlace {
  let value: JSON
  let path: String
  let file: String?

  func failure(_ finding: String, advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: path.isEmpty ? nil : path, finding, advice: advice)
  }

  /// A failure of a nested reader, located at this file and path.
  func placed(_ failure: Failure) -> Failure { failure.located(file: file, at: path) }

  /// The member `key`; nil if it is absent or null.
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

  /// The member `key` as a boolean; `fallback` if absent.
  func flag(_ key: String, default fallback: Bool) throws(Failure) -> Bool {
    guard let member = optional(key) else { return fallback }
    return try member.bool()
  }

  /// The scalar of a string of one scalar.
  func scalar() throws(Failure) -> UInt32 {
    let scalars = Array(try string().unicodeScalars)
    guard scalars.count == 1 else { throw expected("a single character") }
    return scalars[0].value
  }

  private func expected(_ what: String) -> Failure {
    failure("expected \(what), found \(value.kindName)")
  }

  /// The type of a component, from its member "type".
  func type() throws(Failure) -> String { try required("type").string() }

  func unsupported(_ kind: String, _ name: String) -> Failure {
    failure("the \(kind) \"\(name.prefix(64))\" isn't supported")
  }

  /// The components of a Sequence at nesting level `depth`, from its member `key`.
  func parts(_ key: String, depth: Int) throws(Failure) -> [JSONPlace] {
    guard depth < 16 else { throw failure("sequences nested deeper than 16") }
    return try required(key).elements()
  }
}
