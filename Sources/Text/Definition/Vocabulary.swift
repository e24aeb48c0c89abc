import Bytes
import Checkpoints

/// The tokens of a tokenizer.json by id: the model's and the added ones, checked for consistency.
/// Ids may have gaps.
struct Vocabulary {
  /// The model's own tokens; the text is empty for the id of an added token.
  let model: TokenTable
  /// All tokens, added ones included.
  let texts: TokenTable
  let added: [AddedToken]

  init(_ root: JSONPlace) throws(Failure) {
    let modelPlace = try root.required("model")
    try BytePairModel.checkSupported(modelPlace)
    let place = try modelPlace.required("vocab")
    let object = try place.object()
    let (added, given) = try Self.readAdded(root, object)
    self.added = added

    var texts = [[UInt8]?](repeating: nil, count: try Self.idCount(place, object, added))
    var modelCount = 0
    for (key, value) in object {
      guard let id = value.int else { continue }
      guard texts[id] == nil else {
        throw place.failure(
          "the token \"\(key.prefix(64))\": the id \(id) already belongs to another token")
      }
      texts[id] = Array(key.utf8)
      modelCount = max(modelCount, id + 1)
    }
    // An id that the vocabulary leaves out has an empty text, like one of an added token.
    model = TokenTable(texts[..<modelCount].map { $0 ?? [] })
    for (token, given) in zip(added, given) {
      // The file's own id counts where it is that of another token of the vocabulary.
      let taken = model[given].map { !$0.isEmpty && $0 != token.content } == true
      let id = Int(taken ? given : token.id)
      if let other = texts[id], other != token.content {
        throw JSONPlace(value: .null, path: "added_tokens", file: root.file).failure(
          "the token \"\(Self.shown(token.content))\": the id \(id) already belongs to another"
            + " token, \"\(Self.shown(other))\"")
      }
      texts[Int(token.id)] = token.content
    }
    self.texts = TokenTable(texts.map { $0 ?? [] })
  }

  private static func shown(_ text: [UInt8]) -> String {
    String(decoding: text.prefix(64), as: UTF8.self)
  }

  /// The highest id plus one. Ids may be left out, but not so many that a short file fills memory.
  private static func idCount(
    _ place: JSONPlace, _ vocabulary: JSONObject, _ added: [AddedToken]
  ) throws(Failure) -> Int {
    let tokens = vocabulary.count + added.count
    let limit = 4 * tokens + (1 << 20)
    var count = (added.map { Int($0.id) }.max() ?? -1) + 1
    for (key, value) in vocabulary {
      func failure(_ finding: String) -> Failure {
        place.failure("the token \"\(key.prefix(64))\": \(finding)")
      }
      guard let id = value.int else {
        throw failure("expected an integer, found \(value.kindName)")
      }
      guard id >= 0, id < limit else {
        throw failure(
          "the id \(id) isn't one of 0 to \(limit - 1), the widest range for \(tokens) tokens")
      }
      count = max(count, id + 1)
    }
    return count
  }

  /// The added tokens without duplicates, with the ids that the tokenizers library gives them
  /// (`AddedTokenNumbering`), and the ids that the file gives them, which may differ where ids have
  /// gaps.
  private static func readAdded(
    _ root: JSONPlace, _ vocabulary: JSONObject
  ) throws(Failure) -> (tokens: [AddedToken], given: [Int32]) {
    var added: [AddedToken] = []
    var givenIDs: [Int32] = []
    var places: [[UInt8]: (index: Int, id: Int32)] = [:]
    var numbering = AddedTokenNumbering(vocabularySize: vocabulary.count)
    guard vocabulary.count < Int(Int32.max) / 2 else { throw root.failure("too many tokens") }
    for place in try root.optional("added_tokens")?.elements() ?? [] {
      var token = try AddedToken(place)
      if token.content.isEmpty { continue }
      let content = String(decoding: token.content, as: UTF8.self)
      let known = vocabulary[content]?.int
      if let known, known != Int(token.id) {
        throw place.failure(
          "the id \(token.id) differs from the token's id in the vocabulary, \(known)")
      }
      let given = token.id
      token.id = Int32(truncatingIfNeeded: numbering.id(of: content, known: known))
      guard let earlier = places[token.content] else {
        places[token.content] = (added.count, given)
        added.append(token)
        givenIDs.append(given)
        continue
      }
      guard earlier.id == given else {
        throw place.failure("the token already has the id \(earlier.id), and here \(given)")
      }
      // The flags of the last entry are used, as in the library.
      added[earlier.index] = token
    }
    return (added, givenIDs)
  }

  /// The token id at `place`; nil if there is none.
  func id(_ place: JSONPlace?) throws(Failure) -> Int32? {
    guard let place else { return nil }
    let id = try place.integer()
    guard id >= 0, id < texts.count else {
      throw place.failure("the id \(id) is outside the vocabulary of \(texts.count)")
    }
    return Int32(truncatingIfNeeded: id)
  }
}
