import Bytes

/// A token that is matched in a text before the text is split.
struct AddedToken: Sendable {
  /// The id in the file, then the one that the token gets.
  var id: Int32
  let content: [UInt8]
  let isSpecial: Bool
  /// Whether a match includes the whitespace before it.
  let stripsLeft: Bool
  /// Whether a match includes the whitespace after it.
  let stripsRight: Bool
  /// Whether a match requires that no word character is adjacent.
  let isSingleWord: Bool
  /// Whether the normalized content is matched in the normalized text.
  let isNormalized: Bool

  /// Longest content of an added token, in bytes.
  static let longestContent = 1024

  init(_ place: JSONPlace) throws(Failure) {
    let number = try place.required("id")
    guard let id = Int32(exactly: try number.integer()), id >= 0 else {
      throw number.failure("\(try number.integer()) can't be a token id")
    }
    self.id = id
    let content = try place.required("content")
    self.content = Array(try content.string().utf8)
    guard self.content.count <= Self.longestContent else {
      throw content.failure("has \(self.content.count) bytes; at most 1024 are supported")
    }
    isSpecial = try place.flag("special", default: false)
    stripsLeft = try place.flag("lstrip", default: false)
    stripsRight = try place.flag("rstrip", default: false)
    isSingleWord = try place.flag("single_word", default: false)
    isNormalized = try place.flag("normalized", default: !isSpecial)
  }
}
