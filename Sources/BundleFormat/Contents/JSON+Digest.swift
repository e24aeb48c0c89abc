import Bytes

extension JSON {
  /// The member `key` as SHA-256; nil where it is absent or null.
  /// - Throws: `invalidData` where it is anything else.
  public func digest(_ key: String) throws(Failure) -> SHA256Digest? {
    guard let value = self[key], !value.isNull else { return nil }
    guard let text = value.string, let digest = SHA256Digest(hex: text) else {
      throw Failure(.invalidData, at: "key \"\(key)\"", "expected 64 lower-case hexadecimal digits")
    }
    return digest
  }
}
