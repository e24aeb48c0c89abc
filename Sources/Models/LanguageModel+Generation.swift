import Bytes
import Checkpoints
import Numerics

extension LanguageModel {
  /// Greedy continuation of `ids` after an optional soft prompt [n, d]: at each step the most
  /// likely token, the lowest id among equals.
  ///
  /// - Parameters:
  ///   - stopTokens: ends without being returned when one of these comes.
  ///   - onToken: called with each token as it comes; false stops.
  public func greedy(
    _ ids: [Int32], prompt: Tensor? = nil, maxTokens: Int, stopTokens: Set<Int32> = [],
    onToken: (Int32) throws(Failure) -> Bool = { _ in true }
  ) throws(Failure) -> [Int32] {
    let start = try startRows(ids, prompt: prompt)
    guard maxTokens > 0 else { return [] }
    let decoder = try Decoder(self, capacity: start.rows + maxTokens)
    var logits = try decoder.append(start)
    var tokens: [Int32] = []
    while true {
      let token = Self.mostLikely(logits)
      if stopTokens.contains(token) { return tokens }
      tokens.append(token)
      guard try onToken(token), tokens.count < maxTokens else { return tokens }
      logits = try decoder.append(embed([token]))
    }
  }

  private func startRows(_ ids: [Int32], prompt: Tensor?) throws(Failure) -> Tensor {
    let text = try embed(ids)
    guard let prompt, prompt.rows > 0 else {
      guard !ids.isEmpty else {
        throw Failure(.usage, "there is nothing to continue", advice: "give at least one token")
      }
      return text
    }
    try check(prompt: prompt)
    let rows = Tensor([prompt.rows + ids.count, configuration.hiddenSize])
    rows.rows(0..<prompt.rows).copy(from: prompt)
    if !ids.isEmpty { rows.rows(prompt.rows..<rows.rows).copy(from: text) }
    return rows
  }

  private static func mostLikely(_ logits: [Float]) -> Int32 {
    var best = 0
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return Int32(best)
  }
}

/// One text being extended row by row, over a cache of keys and values.
private final class Decoder {
  private let model: LanguageModel
  private let cache: KeyValueCache
  private let rotary: RotaryTable

  init(_ model: LanguageModel, capacity: Int) throws(Failure) {
    try model.configuration.checkPositions(capacity)
    self.model = model
    cache = KeyValueCache(model.configuration, capacity: capacity)
    rotary = model.configuration.rotaryTable(positions: capacity)
  }

  /// Logits [V] after the last of `rows` [T, d].
  func append(_ rows: Tensor) throws(Failure) -> [Float] {
    let plan = try RowPlan(
      model.configuration, prefix: cache.count, sequences: 1, length: rows.rows,
      cachedPrefix: true, rotary: rotary)
    let pass = ForwardPass(model, plan: plan, cache: cache)
    pass.x.copy(from: rows)
    try pass.run(cache: cache)
    cache.keep(plan.keyRows)
    let logits = Tensor([1, model.configuration.vocabularySize])
    model.head.apply(pass.normalised(rows.rows - 1..<rows.rows), into: logits)
    return logits.values
  }
}
