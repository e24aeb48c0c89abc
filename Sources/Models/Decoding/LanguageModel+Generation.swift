import Bytes
import Numerics

/// Generated continuations of several texts.
package struct Generation: Sendable {
  /// The new tokens of each text.
  package var tokens: [[Int32]]
  /// The prompt chosen for each text; nil if the caller gave it.
  package var choices: [PromptChoice?]
}

/// Settings for generating a text's continuation.
package struct GenerationSettings: Sendable {
  /// Maximum number of new tokens per text.
  package var maxTokens = 64
  package var sampling = SamplingSettings()
  /// Storage format of keys and values.
  package var cache = AttentionCache.Format.float16
  /// Tokens that end a text; they aren't part of it.
  package var stopTokens: Set<Int32> = []

  package init() {}
}

extension LanguageModel {
  /// Generates continuations of `texts` (token ids), all after the same optional prompt, up to as
  /// many positions as the model was made for.
  ///
  /// - Parameter onToken: called with a text's index and each of its new tokens; returning false
  ///   ends that text.
  /// - Throws: `usage` if a text is empty, has ids outside the vocabulary or is too long.
  package func generate(
    _ texts: [[Int32]], prompt: PromptStart = .none, settings: GenerationSettings,
    onToken: (Int, Int32) throws(Failure) -> Bool = { _, _ in true }
  ) throws(Failure) -> Generation {
    try generate(texts, promptRows: prompt.count, settings: settings, onToken: onToken) {
      (decoder, ids) throws(Failure) in try decoder.begin(ids, prompt: prompt)
    }
  }

  /// Generates continuations of `texts` (token ids), each after the prompt that `chooser` chooses
  /// for it, up to as many positions as the model was made for.
  ///
  /// - Parameter onToken: called with a text's index and each of its new tokens; returning false
  ///   ends that text.
  /// - Throws: `usage` if a text is empty, has ids outside the vocabulary or is too long.
  package func generate(
    _ texts: [[Int32]], chooser: any PromptChooser, settings: GenerationSettings,
    onToken: (Int, Int32) throws(Failure) -> Bool = { _, _ in true }
  ) throws(Failure) -> Generation {
    try generate(texts, promptRows: chooser.longest, settings: settings, onToken: onToken) {
      (decoder, ids) throws(Failure) in try decoder.begin(ids, chooser: chooser)
    }
  }

  /// Generates continuations of texts that `begin` starts.
  ///
  /// - Parameters:
  ///   - promptRows: rows of the longest prompt that a text may have.
  ///   - begin: puts a text's prompt and tokens into the decoder and returns the logits [V] after
  ///     them.
  private func generate(
    _ texts: [[Int32]], promptRows: Int, settings: GenerationSettings,
    onToken: (Int, Int32) throws(Failure) -> Bool,
    begin: (TextDecoder, [Int32]) throws(Failure) -> [Float]
  ) throws(Failure) -> Generation {
    var results = [[Int32]](repeating: [], count: texts.count)
    guard settings.maxTokens > 0 else {
      return Generation(tokens: results, choices: texts.map { _ in nil })
    }
    let begun = promptRows + (texts.map(\.count).max() ?? 0)
    let positions = configuration.maximumPositions
    // A text longer than the model was made for is still continued, but by no more positions than
    // that. Learned positions are a hard limit.
    let most = configuration.positionLimit ?? (begun < positions ? positions : begun + positions)
    try configuration.checkPositions(begun)
    let decoder = try TextDecoder(
      self, capacity: min(begun + settings.maxTokens, most), format: settings.cache)
    var open: [Int] = []
    var last = [Int32](repeating: 0, count: texts.count)
    var samplers: [Sampler] = []
    for index in texts.indices {
      var sampling = settings.sampling
      sampling.seed &+= UInt64(index)
      samplers.append(try Sampler(sampling))
    }
    func take(_ logits: [Float], _ text: Int) throws(Failure) -> Bool {
      let token = try samplers[text].next(logits)
      if settings.stopTokens.contains(token) { return false }
      results[text].append(token)
      last[text] = token
      return try onToken(text, token) && results[text].count < settings.maxTokens
        && decoder.rows(of: text) < decoder.capacity
    }
    for (index, ids) in texts.enumerated() {
      if try take(begin(decoder, ids), index) { open.append(index) }
    }
    while !open.isEmpty {
      let logits = try decoder.step(open.map { last[$0] }, texts: open)
      var still: [Int] = []
      for (row, text) in open.enumerated() {
        if try take(logits.rows(row..<row + 1).values, text) { still.append(text) }
      }
      open = still
    }
    return Generation(tokens: results, choices: decoder.choices)
  }
}
