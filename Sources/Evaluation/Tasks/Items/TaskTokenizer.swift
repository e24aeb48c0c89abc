import Models

/// A tokenizer as tasks use it: the ids of a text, and the text of ids.
package struct TaskTokenizer: Sendable {
  /// The ids of a text, with or without the special tokens that the tokenizer puts around texts.
  package let encode: @Sendable (_ text: String, _ addsSpecialTokens: Bool) -> [Int32]
  package let decode: @Sendable ([Int32]) -> String
  /// The token before a continuation without a context: BOS, or EOS without one; nil if there is none.
  package let prefix: Int32?
  /// The text of `prefix`; a context that begins with it gets no special tokens.
  package let prefixText: String?
  /// The token that ends a generated text; nil if there is none.
  package let end: Int32?

  package init(
    encode: @escaping @Sendable (_ text: String, _ addsSpecialTokens: Bool) -> [Int32],
    decode: @escaping @Sendable ([Int32]) -> String, prefix: Int32?, prefixText: String?,
    end: Int32?
  ) {
    self.encode = encode
    self.decode = decode
    self.prefix = prefix
    self.prefixText = prefixText
    self.end = end
  }

  /// A text with the special tokens that the tokenizer puts around it, unless it begins with one.
  package func encoded(_ text: String) -> [Int32] {
    let begins = prefixText.map { !$0.isEmpty && text.utf8.starts(with: $0.utf8) } ?? false
    return encode(text, !begins)
  }
}

extension TaskTokenizer {
  /// The tokens of a context and its continuation, and the place of the first token that counts.
  ///
  /// This is lm-evaluation-harness's rule: whitespace at the context's end moves to the continuation,
  /// context and continuation are encoded together, and cut at the number of tokens of the context
  /// alone. Without a context the tokenizer's BOS, or EOS, comes before the continuation. A context of
  /// nothing but whitespace, at which that program stops, counts as none.
  ///
  /// - Throws: what leaves no token to score.
  package func tokens(of pair: TaskItem.Pair) throws(TemplateProblem) -> ScoredTokens {
    let context = PythonText.stripped(pair.context, left: false)
    let moved = PythonText.joined(
      pair.context.unicodeScalars.dropFirst(context.unicodeScalars.count))
    let continuation = moved + pair.continuation
    guard !context.isEmpty else { return try tokens(ofContinuation: continuation) }
    let before = encoded(context)
    let whole = encoded(context + continuation)
    guard whole.count > before.count else {
      throw TemplateProblem(
        "the continuation \"\(pair.continuation.prefix(40))\" adds no token to its context")
    }
    guard !before.isEmpty else { return try tokens(ofContinuation: continuation) }
    return ScoredTokens(ids: before + whole[before.count...], firstScored: before.count)
  }

  private func tokens(
    ofContinuation continuation: String
  ) throws(TemplateProblem) -> ScoredTokens {
    let ids = encode(continuation, false)
    guard let prefix else {
      throw TemplateProblem("there is no context, and the tokenizer has neither BOS nor EOS")
    }
    let all = ids.first == prefix ? ids : [prefix] + ids
    guard all.count > 1 else {
      throw TemplateProblem("the continuation \"\(continuation.prefix(40))\" has no token to score")
    }
    return ScoredTokens(ids: all, firstScored: 1)
  }
}
