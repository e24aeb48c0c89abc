import Bytes

/// An added token as tokenizer.json, tokenizer_config.json or added_tokens.json describe it: its
/// content and how it is matched. Its id isn't a part, because the tokenizers library numbers added
/// tokens itself (`AddedTokenNumbering`).
package struct AddedTokenEntry: Sendable, Equatable {
  package var content: String
  package var isSpecial: Bool
  package var isNormalized: Bool
  package var stripsLeft = false
  package var stripsRight = false
  package var isSingleWord = false

  /// A token without flags; special tokens are matched in the text as it is, others in the
  /// normalized text.
  package init(_ content: String, special: Bool) {
    self.content = content
    isSpecial = special
    isNormalized = !special
  }

  /// Reads an object with a content and flags; a flag that is absent has the library's default.
  ///
  /// - Parameter special: The value of "special" if the object has none.
  /// - Returns: nil if a member has another type than it should.
  init?(_ value: JSON, special: Bool = false) {
    guard let content = value["content"]?.string else { return nil }
    func flag(_ key: String, _ fallback: Bool) -> Bool? {
      guard let member = value[key], !member.isNull else { return fallback }
      return member.bool
    }
    guard let isSpecial = flag("special", special),
      let isNormalized = flag("normalized", !isSpecial), let left = flag("lstrip", false),
      let right = flag("rstrip", false), let single = flag("single_word", false)
    else { return nil }
    self.content = content
    (self.isSpecial, self.isNormalized) = (isSpecial, isNormalized)
    (stripsLeft, stripsRight, isSingleWord) = (left, right, single)
  }

  /// The entry of `added_tokens` in a tokenizer.json.
  package func json(id: Int) -> JSON {
    [
      "id": JSON(id), "content": .string(content), "single_word": .bool(isSingleWord),
      "lstrip": .bool(stripsLeft), "rstrip": .bool(stripsRight),
      "normalized": .bool(isNormalized), "special": .bool(isSpecial),
    ]
  }

  /// The content as bytes, by which tokens are told apart: canonically equivalent texts, which are
  /// equal as strings, are different tokens.
  package var key: [UInt8] { Array(content.utf8) }

  package static func == (a: AddedTokenEntry, b: AddedTokenEntry) -> Bool {
    a.content.utf8.elementsEqual(b.content.utf8) && a.isSpecial == b.isSpecial
      && a.isNormalized == b.isNormalized
      && a.stripsLeft == b.stripsLeft && a.stripsRight == b.stripsRight
      && a.isSingleWord == b.isSingleWord
  }
}

/// The numbering of added tokens in the tokenizers library (`AddedVocabulary::add_tokens`): a token
/// of the vocabulary keeps its id, any other one gets the next id after the vocabulary and the
/// added tokens before it. The ids that files give are not used.
package struct AddedTokenNumbering {
  private let vocabularySize: Int
  private var highest = -1
  private var ids: [[UInt8]: Int] = [:]

  /// - Parameter vocabularySize: The number of tokens in the model's vocabulary, which is less than
  ///   its highest id if ids are left out.
  package init(vocabularySize: Int) { self.vocabularySize = vocabularySize }

  /// The id of the next added token.
  ///
  /// - Parameter known: The token's id in the model's vocabulary; nil if it isn't there.
  package mutating func id(of content: String, known: Int?) -> Int {
    let key = Array(content.utf8)
    let id = ids[key] ?? known ?? (highest >= vocabularySize ? highest + 1 : vocabularySize)
    ids[key] = id
    highest = max(highest, id)
    return id
  }
}
