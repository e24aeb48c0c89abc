import Bytes

extension Tokenizer {
  /// The ids of `text`. Special tokens in the text become their ids; `addSpecialTokens` adds those
  /// of the file's post-processor around it.
  package func encode(_ text: String, addSpecialTokens: Bool = false) -> [Int32] {
    encode(valid: Array(text.utf8), addSpecialTokens)
  }

  /// The ids of UTF-8 text. Each maximal ill-formed part is read as one U+FFFD, as with Python's
  /// `errors="replace"`.
  package func encode(bytes: [UInt8], addSpecialTokens: Bool = false) -> [Int32] {
    encode(valid: UTF8Text.repaired(bytes), addSpecialTokens)
  }

  /// The ids of UTF-8 text. Each maximal ill-formed part is read as one U+FFFD, as with Python's
  /// `errors="replace"`.
  package func encode(bytes: ByteSlice, addSpecialTokens: Bool = false) -> [Int32] {
    encode(bytes: bytes.array, addSpecialTokens: addSpecialTokens)
  }

  private func encode(valid text: [UInt8], _ addSpecialTokens: Bool) -> [Int32] {
    var sink = WordSink(parts, expectedBytes: text.count)
    if addSpecialTokens { sink.ids += parts.frame.before }
    between(parts.rawFinder, text, 0..<text.count, into: &sink) { text, gap, sink in
      if parts.normalizers.isEmpty && parts.normalizedFinder.isEmpty {
        parts.preTokenizers.split(text, gap, isFirst: gap.lowerBound == 0, into: &sink)
      } else {
        var piece = Array(text[gap])
        var isFirst = gap.lowerBound == 0
        for normalizer in parts.normalizers { normalizer.apply(to: &piece, isFirst: &isFirst) }
        let whole = 0..<piece.count
        between(parts.normalizedFinder, piece, whole, into: &sink) { text, gap, sink in
          let first = isFirst && gap.lowerBound == 0
          parts.preTokenizers.split(text, gap, isFirst: first, into: &sink)
        }
      }
    }
    if addSpecialTokens { sink.ids += parts.frame.after }
    return sink.ids
  }

  /// Passes the text between added tokens to `body`, and appends the tokens' ids between its parts.
  private func between(
    _ finder: AddedTokenFinder, _ text: [UInt8], _ range: Range<Int>, into sink: inout WordSink,
    _ body: ([UInt8], Range<Int>, inout WordSink) -> Void
  ) {
    var end = range.lowerBound
    for match in finder.matches(text, range) {
      if end < match.range.lowerBound { body(text, end..<match.range.lowerBound, &sink) }
      sink.ids.append(match.token)
      end = match.range.upperBound
    }
    if end < range.upperBound { body(text, end..<range.upperBound, &sink) }
  }
}

/// A sink that encodes each piece with the model and collects the ids.
struct WordSink: PieceSink {
  var ids: [Int32] = []
  private let model: BytePairModel
  private let cutMark: [UInt8]?
  private var scratch = BytePairModel.Scratch()

  init(_ parts: Tokenizer.Parts, expectedBytes: Int) {
    model = parts.model
    cutMark = parts.cutMark
    ids.reserveCapacity(expectedBytes / 4 + 16)
    // For a few words, a cache costs more than it saves.
    if expectedBytes > 1 << 12 {
      scratch.cache = WordCache(bits: expectedBytes > 1 << 17 ? 15 : 10)
    }
  }

  @inline(__always)
  mutating func take(_ text: [UInt8], _ range: Range<Int>) {
    if cutMark == nil {
      model.encode(text, range, into: &ids, &scratch)
    } else {
      takeInParts(text, range)
    }
  }

  /// Encodes a piece in parts, cut before every mark that follows another character. No token spans
  /// such a cut (`cutMark`), so no merge crosses it.
  private mutating func takeInParts(_ text: [UInt8], _ range: Range<Int>) {
    guard let mark = cutMark else { return }
    var start = range.lowerBound
    var index = start
    var afterMark = true
    while index < range.upperBound {
      let isMark =
        text[index] == mark[0] && index + mark.count <= range.upperBound
        && text[index..<index + mark.count].elementsEqual(mark)
      if isMark {
        if !afterMark {
          model.encode(text, start..<index, into: &ids, &scratch)
          start = index
        }
        index += mark.count
      } else {
        index += 1
      }
      afterMark = isMark
    }
    if start < range.upperBound {
      model.encode(text, start..<range.upperBound, into: &ids, &scratch)
    }
  }

  /// The replacement character for spaces at which long texts can be cut without changing their
  /// ids; nil if the text is split before it reaches the model, or if a token contains the
  /// character directly after another one.
  static func cutMark(
    _ normalizers: [Normalizer], _ preTokenizers: PreTokenizers, _ model: BytePairModel,
    _ tokens: TokenTable
  ) -> [UInt8]? {
    var mark: [UInt8] = []
    if case .metaspace(let replacement, _, splits: false)? = preTokenizers.steps.last {
      UTF8Text.append(replacement, to: &mark)
    } else if preTokenizers.steps.isEmpty {
      for case .replace(.text([0x20]), let content) in normalizers { mark = content }
    }
    guard model.wholeWords == nil, case .characters = model.alphabet, !mark.isEmpty,
      tokens.id(mark) != nil, UTF8Text.scalars(mark).count == 1
    else { return nil }
    for id in 0..<Int32(truncatingIfNeeded: tokens.count) {
      guard let text = tokens[id], text.count > mark.count else { continue }
      var afterMark = true
      for scalar in UTF8Text.scalars(text) {
        let isMark = scalar == UTF8Text.scalar(mark, 0).value
        if isMark && !afterMark { return nil }
        afterMark = isMark
      }
    }
    return mark
  }
}
