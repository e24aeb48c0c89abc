/// A pre-tokenization step, which splits text into pieces.
enum PreTokenizer: Sendable {
  /// The treatment of a split's matches.
  enum Behavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }
  /// The condition for a mark before a piece: `first` means only at the beginning of the text.
  enum PrependScheme: String, Sendable { case always, first, never }
  /// A class of characters to split at.
  enum CharacterClass: Sendable {
    case number, whitespace, punctuation
    case scalar(UInt32)
  }

  /// The byte-level split. `writes` means that pieces are written in the byte alphabet; it is false
  /// if the model takes raw bytes.
  case byteLevel(addsPrefixSpace: Bool, splits: Bool, writes: Bool)
  case split(TextPattern, Behavior, inverted: Bool)
  case characters(CharacterClass, Behavior)
  /// The matches of `\w+|[^\w\s]+`; the rest is removed.
  case whitespace
  case metaspace(replacement: UInt32, PrependScheme, splits: Bool)
}

/// A consumer of pieces.
protocol PieceSink {
  /// Takes a piece, the non-empty bytes `range` of `text`.
  mutating func take(_ text: [UInt8], _ range: Range<Int>)
}

/// A tokenizer's pre-tokenization steps, in order.
struct PreTokenizers: Sendable {
  var steps: [PreTokenizer]

  /// Splits the bytes `range` of `text` and passes the pieces to `sink`.
  ///
  /// - Parameters:
  ///   - isFirst: Whether the bytes are the beginning of the whole text.
  ///   - step: The index of the first step to apply.
  func split<Sink: PieceSink>(
    _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, from step: Int = 0, into sink: inout Sink
  ) {
    if range.isEmpty { return }
    guard step < steps.count else {
      sink.take(text, range)
      return
    }
    switch steps[step] {
    case .characters(.number, .isolated):
      isolateNumbers(text, range, isFirst, step, &sink)
    case .characters(let wanted, let behavior):
      var matches: [Range<Int>] = []
      wanted.matches(text, range) { matches.append($0) }
      pass(text, range, matches, behavior, false, isFirst, step, &sink)
    case .split(.known(let splitter), .isolated, false):
      runs(of: splitter, text, range, isFirst, step, &sink)
    case .split(let pattern, let behavior, let inverted):
      var matches: [Range<Int>] = []
      pattern.matches(text, range) { matches.append($0) }
      pass(text, range, matches, behavior, inverted, isFirst, step, &sink)
    case .whitespace:
      var start = range.lowerBound
      while start < range.upperBound {
        let (end, isSpace) = Self.wordEnd(text, start, range.upperBound)
        if !isSpace {
          let first = isFirst && start == range.lowerBound
          split(text, start..<end, isFirst: first, from: step + 1, into: &sink)
        }
        start = end
      }
    case .metaspace(let replacement, let scheme, let splits):
      metaspace(text, range, isFirst, step, replacement, scheme, splits, &sink)
    case .byteLevel(let addsPrefixSpace, let splits, let writes):
      byteLevel(text, range, isFirst, step, addsPrefixSpace, splits, writes, &sink)
    }
  }

  /// Splits by a known splitter whose matches are isolated.
  @inline(__always)
  private func runs<Sink: PieceSink>(
    of splitter: KnownSplitter, _ text: [UInt8], _ range: Range<Int>, _ isFirst: Bool, _ step: Int,
    _ sink: inout Sink
  ) {
    let isLast = step + 1 == steps.count
    var start = range.lowerBound
    while start < range.upperBound {
      let end = splitter.end(text, start, range.upperBound)
      if isLast {
        sink.take(text, start..<end)
      } else {
        let first = isFirst && start == range.lowerBound
        split(text, start..<end, isFirst: first, from: step + 1, into: &sink)
      }
      start = end
    }
  }

  /// Isolates each number character: the step before SmolLM2's byte-level split.
  private func isolateNumbers<Sink: PieceSink>(
    _ text: [UInt8], _ range: Range<Int>, _ isFirst: Bool, _ step: Int, _ sink: inout Sink
  ) {
    var start = range.lowerBound
    var index = start
    while index < range.upperBound {
      let byte = text[index]
      if byte < 0x80, byte &- 0x30 > 9 {
        index += 1
        continue
      }
      let (scalar, length) = UTF8Text.scalar(text, index)
      if UnicodeClasses.isNumeric(scalar) {
        let before = isFirst && start == range.lowerBound
        split(text, start..<index, isFirst: before, from: step + 1, into: &sink)
        let first = isFirst && index == range.lowerBound
        split(text, index..<index + length, isFirst: first, from: step + 1, into: &sink)
        start = index + length
      }
      index += length
    }
    let first = isFirst && start == range.lowerBound
    split(text, start..<range.upperBound, isFirst: first, from: step + 1, into: &sink)
  }

  private func byteLevel<Sink: PieceSink>(
    _ text: [UInt8], _ range: Range<Int>, _ isFirst: Bool, _ step: Int, _ addsPrefixSpace: Bool,
    _ splits: Bool, _ writes: Bool, _ sink: inout Sink
  ) {
    var text = text
    var range = range
    if addsPrefixSpace, text[range.lowerBound] != 0x20 {
      text = [0x20] + text[range]
      range = 0..<text.count
    }
    if !writes {
      if splits {
        runs(of: .gpt2, text, range, isFirst, step, &sink)
      } else {
        split(text, range, isFirst: isFirst, from: step + 1, into: &sink)
      }
      return
    }
    var start = range.lowerBound
    while start < range.upperBound {
      let end =
        splits ? KnownSplitter.gpt2.end(text, start, range.upperBound) : range.upperBound
      let written = ByteAlphabet.written(text[start..<end])
      let first = isFirst && start == range.lowerBound
      split(written, 0..<written.count, isFirst: first, from: step + 1, into: &sink)
      start = end
    }
  }

  private func metaspace<Sink: PieceSink>(
    _ text: [UInt8], _ range: Range<Int>, _ isFirst: Bool, _ step: Int, _ replacement: UInt32,
    _ scheme: PreTokenizer.PrependScheme, _ splits: Bool, _ sink: inout Sink
  ) {
    var mark: [UInt8] = []
    UTF8Text.append(replacement, to: &mark)
    var written: [UInt8] = []
    written.reserveCapacity(range.count + range.count / 2)
    for index in range {
      if text[index] == 0x20 {
        written.append(contentsOf: mark)
      } else {
        written.append(text[index])
      }
    }
    let prepends = scheme == .always || scheme == .first && isFirst
    if prepends, !written.starts(with: mark) { written.insert(contentsOf: mark, at: 0) }
    let whole = 0..<written.count
    guard splits else {
      split(written, whole, isFirst: isFirst, from: step + 1, into: &sink)
      return
    }
    // Marks are merged with the text after them: each begins a piece.
    var start = 0
    var index = 0
    while index < whole.upperBound {
      let (scalar, length) = UTF8Text.scalar(written, index)
      if scalar == replacement, index > start {
        let first = isFirst && start == 0
        split(written, start..<index, isFirst: first, from: step + 1, into: &sink)
        start = index
      }
      index += length
    }
    let first = isFirst && start == 0
    split(written, start..<whole.upperBound, isFirst: first, from: step + 1, into: &sink)
  }

  /// The end of the run of word, whitespace or other characters at `start`, and whether it is
  /// whitespace.
  private static func wordEnd(_ text: [UInt8], _ start: Int, _ limit: Int) -> (Int, Bool) {
    func kind(_ index: Int) -> (Int, Int) {
      let (scalar, length) = UTF8Text.scalar(text, index)
      if UnicodeClasses.isWord(scalar) { return (0, length) }
      return (UnicodeClasses.isWhitespace(scalar) ? 1 : 2, length)
    }
    var (wanted, length) = kind(start)
    let first = wanted
    var index = start
    while wanted == first {
      index += length
      guard index < limit else { break }
      (wanted, length) = kind(index)
    }
    return (index, first == 1)
  }
}

extension PreTokenizer.CharacterClass {
  func contains(_ scalar: UInt32) -> Bool {
    switch self {
    case .number: UnicodeClasses.isNumeric(scalar)
    case .whitespace: UnicodeClasses.isWhitespace(scalar)
    case .punctuation: UnicodeClasses.isPunctuation(scalar)
    case .scalar(let wanted): scalar == wanted
    }
  }

  /// Calls `body` with each character of the class as a separate match.
  func matches(_ text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    var index = range.lowerBound
    while index < range.upperBound {
      let (scalar, length) = UTF8Text.scalar(text, index)
      if contains(scalar) { body(index..<index + length) }
      index += length
    }
  }
}
