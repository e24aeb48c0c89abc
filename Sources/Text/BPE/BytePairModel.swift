/// A byte-pair encoding model: a vocabulary and ranked merges (Sennrich et al. 2016, algorithm 1),
/// with the variations of tokenizer.json.
///
/// A word is split into initial symbols either by raw bytes (byte-level BPE) or by characters. A
/// character outside the vocabulary becomes the tokens `<0x00>`…`<0xFF>` of its bytes or the
/// unknown token.
struct BytePairModel: Sendable {
  /// The mapping from a word to its initial symbols.
  enum Alphabet: Sendable {
    /// The token of each byte, -1 if the vocabulary has none.
    case bytes([Int32])
    /// The tokens of the scalars below U+10000, -1 if absent, and a table for those above.
    case characters(basic: [Int32], others: PairTable)
  }

  let alphabet: Alphabet
  /// A map from `left << 32 | right` to `rank << 32 | merged`.
  let merges: PairTable
  /// The bytes of the words that are single tokens; nil without `ignore_merges`.
  let wholeWords: TokenTable?
  /// The id of each entry of `wholeWords`.
  let wholeWordIDs: [Int32]
  /// The tokens `<0x00>`…`<0xFF>`, -1 if absent; nil without `byte_fallback`.
  let byteTokens: [Int32]?
  /// The unknown token; nil if unknown characters are dropped.
  let unknown: Int32?
  /// Whether a run of unknown characters becomes a single unknown token.
  let fusesUnknown: Bool

  /// Working memory of one encoding call, reused for every word.
  struct Scratch {
    var symbols: [Int32] = []
    var pairs: [UInt64] = []
    var cache: WordCache?
  }

  /// Appends the ids of a word, the bytes `word` of `text`, to `ids`.
  @inline(__always)
  func encode(
    _ text: [UInt8], _ word: Range<Int>, into ids: inout [Int32], _ scratch: inout Scratch
  ) {
    guard scratch.cache != nil, let key = WordCache.key(text, word) else {
      encodeUncached(text, word, into: &ids, &scratch)
      return
    }
    if scratch.cache!.append(key, to: &ids) { return }
    let start = ids.count
    encodeUncached(text, word, into: &ids, &scratch)
    scratch.cache!.store(key, ids, start..<ids.count)
  }

  /// Appends the ids of a word to `ids`, without the cache.
  func encodeUncached(
    _ text: [UInt8], _ word: Range<Int>, into ids: inout [Int32], _ scratch: inout Scratch
  ) {
    if let wholeWords, let found = wholeWords.id(text, word) {
      ids.append(wholeWordIDs[Int(found)])
      return
    }
    scratch.symbols.removeAll(keepingCapacity: true)
    switch alphabet {
    case .bytes(let tokens): byteSymbols(text, word, tokens, into: &scratch.symbols)
    case .characters(let basic, let others):
      characterSymbols(text, word, basic, others, into: &scratch.symbols)
    }
    merge(&scratch)
    ids.append(contentsOf: scratch.symbols)
  }

  private func byteSymbols(
    _ text: [UInt8], _ word: Range<Int>, _ tokens: [Int32], into symbols: inout [Int32]
  ) {
    var pendingUnknown = false
    for index in word {
      let id = tokens[Int(text[index])]
      if id >= 0 {
        if pendingUnknown, let unknown { symbols.append(unknown) }
        pendingUnknown = false
        symbols.append(id)
      } else if let unknown {
        if pendingUnknown, !fusesUnknown { symbols.append(unknown) }
        pendingUnknown = true
      }
    }
    if pendingUnknown, let unknown { symbols.append(unknown) }
  }

  /// Appends the initial symbols of a word that is split by characters.
  ///
  /// A pending unknown token is emitted only before a known or another unknown character, so byte
  /// fallback tokens precede it. The reference implementation has the same order.
  private func characterSymbols(
    _ text: [UInt8], _ word: Range<Int>, _ basic: [Int32], _ others: PairTable,
    into symbols: inout [Int32]
  ) {
    var pendingUnknown = false
    var index = word.lowerBound
    while index < word.upperBound {
      let (scalar, length) = UTF8Text.scalar(text, index)
      let character = index..<index + length
      index += length
      let id: Int32
      if scalar < 0x10000 {
        id = basic[Int(scalar)]
      } else {
        id = others.find(UInt64(scalar)).map { Int32(truncatingIfNeeded: $0) } ?? -1
      }
      if id >= 0 {
        if pendingUnknown, let unknown { symbols.append(unknown) }
        pendingUnknown = false
        symbols.append(id)
        continue
      }
      if let byteTokens, character.allSatisfy({ byteTokens[Int(text[$0])] >= 0 }) {
        for byte in character { symbols.append(byteTokens[Int(text[byte])]) }
        continue
      }
      if let unknown {
        if pendingUnknown, !fusesUnknown { symbols.append(unknown) }
        pendingUnknown = true
      }
    }
    if pendingUnknown, let unknown { symbols.append(unknown) }
  }
}
