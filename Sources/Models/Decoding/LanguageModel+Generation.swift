import Bytes
import Numerics

/// Continuations of some texts.
package struct Generation: Sendable {
  /// The new tokens of each text.
  package var tokens: [[Int32]]
  /// The prompt chosen for each text; nil where it was given.
  package var choices: [PromptChoice?]
}

/// How a text is continued.
package struct GenerationSettings: Sendable {
  package var maxTokens = 64
  package var sampling = SamplingSettings()
  /// How keys and values are kept.
  package var cache = AttentionCache.Format.float16
  /// A text ends, without it, when one of these comes.
  package var stopTokens: Set<Int32> = []

  package init() {}
}

extension LanguageModel {
  /// Continuations of `texts` (token ids), all after the same optional prompt, up to as many positions as
  /// the model was made for.
  ///
  /// - Parameter onToken: called with each token as it comes and the number of its text; false ends
  ///   that text.
  package func generate(
    _ texts: [[Int32]], prompt: PromptStart = .none, settings: GenerationSettings,
    onToken: (Int, Int32) throws(Failure) -> Bool = { _, _ in true }
  ) throws(Failure) -> Generation {
    try generate(texts, promptRows: prompt.count, settings: settings, onToken: onToken) {
      (decoder, ids) throws(Failure) in try decoder.begin(ids, prompt: prompt)
    }
  }

  /// Continuations of `texts` (token ids), each after the prompt that `chooser` chooses for it, up to
  /// as many positions as the model was made for.
  ///
  /// - Parameter onToken: called with each token as it comes and the number of its text; false ends
  ///   that text.
  package func generate(
    _ texts: [[Int32]], chooser: any PromptChooser, settings: GenerationSettings,
    onToken: (Int, Int32) throws(Failure) -> Bool = { _, _ in true }
  ) throws(Failure) -> Generation {
    try generate(texts, promptRows: chooser.longest, settings: settings, onToken: onToken) {
      (decoder, ids) throws(Failure) in try decoder.begin(ids, chooser: chooser)
    }
  }

  /// - Parameters:
  ///   - promptRows: rows of the longest prompt that a text may have.
  ///   - begin: puts a text's prompt and tokens into the decoder; returns the logits [V].
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
    // A text that is longer than the model was made for goes on all the same, but not for ever.
    // Learned positions end where their table does.
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
      let token = samplers[text].next(logits)
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
