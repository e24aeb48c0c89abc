import Bytes

/// The tokens of a tokenizer.json by id: the model's and the added ones, checked for consistency.
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
    let (added, count) = try Self.readAdded(root, object)
    self.added = added

    var texts = [[UInt8]?](repeating: nil, count: count)
    var modelCount = 0
    for (key, value) in object {
      func failure(_ finding: String) -> Failure {
        place.failure("the token \"\(key.prefix(64))\": \(finding)")
      }
      guard let id = value.int else {
        throw failure("expected an integer, found \(value.kindName)")
      }
      guard id >= 0, id < count else {
        throw failure("the id \(id) isn't one of 0 to \(count - 1), the ids of \(count) tokens")
      }
      guard texts[id] == nil else { throw failure("the id \(id) already belongs to another token") }
      texts[id] = Array(key.utf8)
      modelCount = max(modelCount, id + 1)
    }
    model = TokenTable(texts[..<modelCount].map { $0 ?? [] })
    for token in added {
      let id = Int(token.id)
      let shown = String(decoding: token.content.prefix(64), as: UTF8.self)
      func failure(_ finding: String) -> Failure {
        JSONPlace(value: .null, path: "added_tokens", file: root.file)
          .failure("the token \"\(shown)\": \(finding)")
      }
      guard id < count else {
        throw failure("the id \(id) isn't one of 0 to \(count - 1), the ids of \(count) tokens")
      }
      if let other = texts[id], other != token.content {
        throw failure("the id \(id) already belongs to another token")
      }
      texts[id] = token.content
    }
    self.texts = TokenTable(texts.map { $0 ?? [] })
  }

  /// The added tokens without duplicates, and the total number of distinct tokens.
  private static func readAdded(
    _ root: JSONPlace, _ vocabulary: JSONObject
  ) throws(Failure) -> ([AddedToken], Int) {
    var added: [AddedToken] = []
    var ids: [[UInt8]: Int32] = [:]
    var count = vocabulary.count
    for place in try root.optional("added_tokens")?.elements() ?? [] {
      let token = try AddedToken(place)
      if let id = ids[token.content] {
        guard id == token.id else { throw place.failure("the token already has the id \(id)") }
        continue
      }
      ids[token.content] = token.id
      if let known = vocabulary[String(decoding: token.content, as: UTF8.self)] {
        guard known.int == Int(token.id) else {
          throw place.failure("the id \(token.id) differs from the token's id in the vocabulary")
        }
      } else {
        count += 1
      }
      added.append(token)
    }
    guard count < Int(Int32.max) else { throw root.failure("too many tokens") }
    return (added, count)
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
