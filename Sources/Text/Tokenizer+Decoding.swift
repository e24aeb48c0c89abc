extension Tokenizer {
  /// The text of `ids`. Ids outside the vocabulary are skipped; bytes that aren't valid UTF-8
  /// become U+FFFD.
  package func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
    String(decoding: decodeBytes(ids, skipSpecialTokens: skipSpecialTokens), as: UTF8.self)
  }

  /// The bytes of `ids`; with a byte-level vocabulary they may end inside a character.
  package func decodeBytes(_ ids: [Int32], skipSpecialTokens: Bool = true) -> [UInt8] {
    var tokens: [[UInt8]] = []
    for id in ids {
      guard let text = parts.texts[id] else { continue }
      if skipSpecialTokens && isSpecial(id) { continue }
      tokens.append(text)
    }
    guard let decoders = parts.decoders else { return Array(tokens.joined(separator: [0x20])) }
    for (index, decoder) in decoders.enumerated() {
      tokens = decoder.apply(tokens)
      // Later steps work on characters, so only the last step may leave one incomplete.
      if case .byteLevel = decoder, index < decoders.count - 1 {
        tokens = tokens.map(UTF8Text.repaired)
      }
    }
    return Array(tokens.joined())
  }
}

/// A decoder of ids as they are generated, which returns text as soon as it is final.
package struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecialTokens: Bool
  /// The ids since text was last complete, after those before them that affect decoding (a first
  /// token loses its space).
  private var window: [Int32] = []
  /// Number of leading ids of `window` whose text was already returned.
  private var settled = 0
  /// Number of ids after which incomplete text is returned; a character has at most four bytes.
  private static let longestWait = 8

  package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skipSpecialTokens = skipSpecialTokens
  }

  /// Adds `id` and returns the text that it completes; empty while a character is incomplete.
  package mutating func append(_ id: Int32) -> String {
    window.append(id)
    return take(evenIfIncomplete: window.count - settled > Self.longestWait)
  }

  /// Returns the remaining text, with an incomplete character as U+FFFD.
  package mutating func finish() -> String {
    defer {
      window = []
      settled = 0
    }
    return settled < window.count ? take(evenIfIncomplete: true) : ""
  }

  private mutating func take(evenIfIncomplete: Bool) -> String {
    let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]
    let before = text(window[..<settled])
    let all = text(window[...])
    if !evenIfIncomplete, all.suffix(3).elementsEqual(replacement) { return "" }
    let fresh = all.starts(with: before) ? all[before.count...] : all[...]
    window.removeFirst(settled)
    settled = window.count
    return String(decoding: fresh, as: UTF8.self)
  }

  private func text(_ ids: ArraySlice<Int32>) -> [UInt8] {
    Array(tokenizer.decode(Array(ids), skipSpecialTokens: skipSpecialTokens).utf8)
  }
}
