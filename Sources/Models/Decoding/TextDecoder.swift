import Bytes
import Checkpoints
import Numerics

/// A decoder that continues several texts together, one token each per step, over caches of keys
/// and values. The weights are read once per step, whatever the number of texts.
///
/// Not thread-safe.
package final class TextDecoder {
  package let model: LanguageModel
  /// Maximum rows of a text: its prompt, given tokens and generated ones.
  package let capacity: Int
  /// Storage format of keys and values.
  package let format: AttentionCache.Format
  /// Keys and values, per text and block.
  private var caches: [[AttentionCache]] = []
  /// The prompt chosen for each text; nil if the caller gave it.
  package private(set) var choices: [PromptChoice?] = []
  private let rotary: RotaryTable?
  private var buffers: Buffers?

  /// - Throws: `usage` if the model has fewer positions than `capacity`.
  package init(
    _ model: LanguageModel, capacity: Int, format: AttentionCache.Format = .float16
  ) throws(Failure) {
    try model.configuration.checkPositions(capacity)
    self.model = model
    self.capacity = capacity
    self.format = format
    rotary = model.configuration.rotaryTable(positions: capacity)
  }

  /// Number of texts begun so far.
  package var texts: Int { caches.count }

  /// Number of rows of a text that are in the caches.
  package func rows(of text: Int) -> Int { caches[text].first?.count ?? 0 }

  /// Begins another text with `ids` after an optional prompt; returns the logits [V] after its last
  /// row.
  /// - Throws: `usage` if there are no rows to compute, or they exceed the capacity; `invalidData`
  ///   if a number isn't finite or the cache can't hold it, with tensor, or layer and position.
  package func begin(_ ids: [Int32], prompt: PromptStart = .none) throws(Failure) -> [Float] {
    let given = try prompt.rows(before: ids, model: model)
    return try begin(given, after: prompt.known(for: model, room: ids.count), choice: nil)
  }

  /// Begins another text with `ids` after the prompt that `chooser` chooses for it; returns the
  /// logits [V] after its last row.
  /// - Throws: `usage` if `ids` is empty, or the rows exceed the capacity; `invalidData` if a
  ///   number isn't finite or the cache can't hold it, with tensor, or layer and position.
  package func begin(
    _ ids: [Int32], chooser: any PromptChooser
  ) throws(Failure) -> [Float] {
    let given = try model.embed(ids)
    try Self.check(given)
    let cache = KeyValueCache(model.configuration, capacity: chooser.longest + ids.count)
    let choice = try chooser.choose(for: ids, into: cache)
    return try begin(given, after: cache, choice: choice)
  }

  private static func check(_ given: Tensor) throws(Failure) {
    guard given.rows > 0 else {
      throw Failure(.usage, "there is nothing to continue", advice: "give at least one token")
    }
  }

  /// Begins a text with the rows `given` [m, e] after those of `prefix`.
  private func begin(
    _ given: Tensor, after prefix: KeyValueCache?, choice: PromptChoice?
  ) throws(Failure) -> [Float] {
    try Self.check(given)
    let c = model.configuration
    let inCache = prefix?.count ?? 0
    guard inCache + given.rows <= capacity else {
      throw Failure(
        .usage,
        "the prompt and the text have \(inCache + given.rows) rows; there is room for \(capacity)",
        advice: "use a shorter text or prompt")
    }
    let cache = prefix ?? KeyValueCache(c, capacity: given.rows)
    cache.reserve(inCache + given.rows)
    let plan = try RowPlan(
      c, prefix: inCache, sequences: 1, length: given.rows, cachedPrefix: true, rotary: rotary)
    let pass = ForwardPass(model, plan: plan, cache: cache)
    pass.enter(given)
    try pass.run(cache: cache)
    choices.append(choice)
    var own: [AttentionCache] = []
    for layer in 0..<c.layers {
      own.append(
        AttentionCache(
          capacity: capacity, kvHeads: c.kvHeads, headDim: c.headDim, format: format))
      let (k, v) = cache.rows(plan.keyRows, layer: layer)
      if let number = own[layer].append(keys: k, values: v) {
        throw model.unheld(number, layer: layer, text: label(texts), format: format)
      }
    }
    caches.append(own)
    let logits = Tensor([1, c.vocabularySize])
    let last = try pass.hidden(given.rows - 1..<given.rows)
    DecodeProducts.multiply(last, [(model.head, logits)], arithmetic: model.arithmetic)
    try check(logits, texts: [texts - 1], "logit")
    return logits.values
  }

  /// Appends one token to each text of `texts`; returns the logits after them [texts, V], valid
  /// until the next step.
  /// - Throws: `usage` if an id is outside the vocabulary or a text is full; `invalidData` if a
  ///   number isn't finite or a cache can't hold it. The decoder is of no use after that.
  package func step(_ tokens: [Int32], texts: [Int]) throws(Failure) -> Tensor {
    precondition(tokens.count == texts.count && !tokens.isEmpty, "a token per text")
    try model.check(tokens)
    guard texts.allSatisfy({ rows(of: $0) < capacity }) else {
      throw Failure(.usage, "a text has no room for another token (\(capacity) rows)")
    }
    let b = buffers(tokens.count)
    let positions = texts.map { Int32(rows(of: $0)) }
    model.input.enter(tokens, at: positions, into: b.x, arithmetic: model.arithmetic)
    for layer in 0..<model.configuration.layers {
      let unheld = try model.block(layer).step(
        b, positions: positions, rotary: rotary, caches: texts.map { caches[$0][layer] })
      if let (row, number) = unheld {
        throw model.unheld(number, layer: layer, text: label(texts[row]), format: format)
      }
    }
    model.output.hidden(b.x, arithmetic: model.arithmetic, into: b.hidden)
    try check(b.hidden, texts: texts, "input of the head")
    for start in stride(from: 0, to: tokens.count, by: DecodeProducts.maxRows) {
      let some = start..<min(tokens.count, start + DecodeProducts.maxRows)
      DecodeProducts.multiply(
        b.hidden.rows(some), [(model.head, b.logits.rows(some))],
        arithmetic: model.arithmetic)
    }
    try check(b.logits, texts: texts, "logit")
    return b.logits
  }

  /// Checks that the rows of the output layer, one per text, are finite.
  private func check(_ rows: Tensor, texts: [Int], _ what: String) throws(Failure) {
    guard let bad = rows.firstNonFinite else { return }
    let text = texts[bad / rows.columns]
    throw model.notFinite(
      at: "\(label(text))output layer, position \(self.rows(of: text) - 1)",
      "\(what) \(bad % rows.columns) is \(rows[bad])")
  }

  /// Words before a place in text `index`, if there are several texts.
  private func label(_ index: Int) -> String { texts > 1 || index > 0 ? "text \(index), " : "" }

  private func buffers(_ rows: Int) -> Buffers {
    if let buffers, buffers.x.rows == rows { return buffers }
    let new = Buffers(model.configuration, rows: rows)
    buffers = new
    return new
  }

  /// Buffers of one step, one row per text in each.
  final class Buffers {
    let x, norm, q, k, v, attended, added, activated, hidden, logits: Tensor
    let wide: WideRows

    init(_ c: ModelConfiguration, rows: Int) {
      x = Tensor([rows, c.hiddenSize])
      norm = Tensor([rows, c.hiddenSize])
      q = Tensor([rows, c.heads * c.headDim])
      k = Tensor([rows, c.kvHeads * c.headDim])
      v = Tensor([rows, c.kvHeads * c.headDim])
      attended = Tensor([rows, c.heads * c.headDim])
      added = Tensor([rows, c.hiddenSize])
      wide = WideRows(c, rows: rows)
      activated = Tensor([rows, c.intermediateSize])
      hidden = Tensor([rows, c.embeddingSize])
      logits = Tensor([rows, c.vocabularySize])
    }
  }
}
