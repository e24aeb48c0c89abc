extension Tokenizer {
  /// The text of `ids`. Ids outside the vocabulary are left out, bytes that form no character
  /// become U+FFFD.
  package func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
    String(decoding: decodeBytes(ids, skipSpecialTokens: skipSpecialTokens), as: UTF8.self)
  }

  /// The bytes of `ids`; of a byte-level vocabulary they may end inside a character.
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
      // Later steps look at characters; only the last one may leave a character incomplete.
      if case .byteLevel = decoder, index < decoders.count - 1 {
        tokens = tokens.map(UTF8Text.repaired)
      }
    }
    return Array(tokens.joined())
  }
}

/// Decodes ids as they are generated: returns text as soon as it can't change any more.
package struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecialTokens: Bool
  /// The ids since the last place where text was complete, with the ones before them that decoders
  /// look at (a first token loses its space).
  private var window: [Int32] = []
  /// How many of `window` were handed out already.
  private var settled = 0
  /// A character has at most four bytes; more unfinished tokens than this never become one.
  private static let longestWait = 8

  package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skipSpecialTokens = skipSpecialTokens
  }

  /// The text that `id` completes; empty while a character is still incomplete.
  package mutating func append(_ id: Int32) -> String {
    window.append(id)
    return take(evenIfIncomplete: window.count - settled > Self.longestWait)
  }

  /// What is left at the end, an incomplete character as U+FFFD.
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
