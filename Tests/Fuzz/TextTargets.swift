import Bytes
import Text

/// Readers of tokenizers, split patterns and JSON.
enum TextTargets {
  static func tokenizer(_ input: [UInt8]) throws(Failure) {
    roundTrip(try Tokenizer(json: ByteSlice(input), file: "input"))
  }

  /// Texts with what tokenizers treat specially: spaces, digits, contractions, combining and wide
  /// characters, and bytes that aren't UTF-8.
  private static let texts: [[UInt8]] = [
    Array(" Hello  world, it's 12345\r\n\n\tcafe\u{301} 東京 🇫🇷 <s></s>".utf8),
    [0xFF, 0xC3, 0x28, 0xF0, 0x9F, 0x00, 0x20], [],
  ]

  /// Encodes texts and decodes their ids, which must be in the vocabulary.
  static func roundTrip(_ tokenizer: Tokenizer) {
    for text in texts {
      let ids = tokenizer.encode(bytes: text, addSpecialTokens: true)
      require(
        ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize },
        "an id outside the vocabulary of \(tokenizer.vocabularySize)")
      _ = tokenizer.decodeBytes(ids, skipSpecialTokens: false)
    }
  }

  /// The first line is a regular expression, the rest the text that it splits. Splitters are given
  /// valid UTF-8 alone, since encoding repairs a text first.
  static func pattern(_ input: [UInt8]) throws(Failure) {
    let lines = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
    guard let source = String(validating: lines[0], as: UTF8.self) else { return }
    let text = lines.count > 1 ? Array(String(decoding: lines[1], as: UTF8.self).utf8) : []
    var end = 0
    try TextPattern(regularExpression: source).matches(text, 0..<text.count) { match in
      require(
        match.lowerBound >= end && match.upperBound <= text.count,
        "the match \(match) after \(end) of \(text.count)")
      end = match.upperBound
    }
  }

  /// A document that parses is written in both forms, and reads back the same.
  static func json(_ input: [UInt8]) throws(Failure) {
    let value = try JSON(parsing: input, file: "input")
    let canonical = value.canonicalBytes
    for text in [canonical, Array(value.prettyText.utf8)] {
      do throws(Failure) {
        let again = try JSON(parsing: text)
        require(again.canonicalBytes == canonical, "reads back as another value")
      } catch { fatalError("what was written can't be read: \(error)") }
    }
  }
}
