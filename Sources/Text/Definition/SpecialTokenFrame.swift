import Bytes

/// The special tokens that the post-processor adds before and after a text.
struct SpecialTokenFrame: Sendable, Equatable {
  var before: [Int32] = []
  var after: [Int32] = []

  /// The most tokens that a post-processor may add; models have one or two. A template names a list of
  /// ids as often as it likes, so its tokens could be far more than its text.
  static let longest = 1024

  init() {}

  init(_ place: JSONPlace?, vocabularySize: Int, depth: Int = 0) throws(Failure) {
    guard let place else { return }
    let type = try place.type()
    switch type {
    case "ByteLevel": break  // only moves offsets
    case "Sequence":
      for part in try place.parts("processors", depth: depth) {
        let inner = try SpecialTokenFrame(part, vocabularySize: vocabularySize, depth: depth + 1)
        before = inner.before + before
        after += inner.after
        try checkLength(part)
      }
    case "TemplateProcessing": try readTemplate(place, vocabularySize)
    case "BertProcessing", "RobertaProcessing":
      before = [try Self.pairedID(place.required("cls"), vocabularySize)]
      after = [try Self.pairedID(place.required("sep"), vocabularySize)]
    default: throw place.unsupported("post-processor", type)
    }
  }

  private func checkLength(_ place: JSONPlace) throws(Failure) {
    guard before.count + after.count <= Self.longest else {
      throw place.failure("the tokens added to a text are more than \(Self.longest)")
    }
  }

  private mutating func readTemplate(_ place: JSONPlace, _ vocabularySize: Int) throws(Failure) {
    let special = place.optional("special_tokens")
    var sawText = false
    for piece in try place.required("single").elements() {
      if piece.optional("Sequence") != nil {
        guard !sawText else { throw piece.failure("the template contains the text twice") }
        sawText = true
        continue
      }
      let name = try piece.required("SpecialToken").required("id").string()
      guard let token = special?.optional(name) else {
        throw piece.failure(
          "the special token \"\(name.prefix(64))\" isn't defined in special_tokens")
      }
      for id in try token.required("ids").elements() {
        let id = try Self.id(id, vocabularySize)
        if sawText { after.append(id) } else { before.append(id) }
        try checkLength(piece)
      }
    }
    guard sawText else { throw place.failure("the template doesn't contain the text") }
  }

  private static func pairedID(_ place: JSONPlace, _ vocabularySize: Int) throws(Failure) -> Int32 {
    let parts = try place.elements()
    guard parts.count == 2 else { throw place.failure("expected a pair of text and id") }
    return try id(parts[1], vocabularySize)
  }

  private static func id(_ place: JSONPlace, _ vocabularySize: Int) throws(Failure) -> Int32 {
    let number = try place.integer()
    guard number >= 0, number < vocabularySize else {
      throw place.failure("the id \(number) is outside the vocabulary of \(vocabularySize)")
    }
    return Int32(truncatingIfNeeded: number)
  }
}
