import BundleFormat
import Bytes
import Models
import Numerics
import Synchronization

/// A comparison of a model's inner values with the full model's, block by block: attention maps and outputs of
/// blocks, without a prompt and with each of several adapters.
///
/// All models read the same windows in step, so that only one block's rows of each are in memory.
package struct SimilarityMeter {
  /// One way to run the measured model.
  package struct Condition: Sendable {
    /// The adapter's name; nil for none.
    package let prompt: String?
    /// Learned parameters beside the model; nil for none.
    package let adapter: Adapter?

    package init(prompt: String?, adapter: Adapter?) {
      self.prompt = prompt
      self.adapter = adapter
    }
  }

  /// The result of one condition.
  package struct Result: Sendable {
    /// The adapter's name; nil for none.
    package let prompt: String?
    /// Positions of the prompt or prefix.
    package let promptTokens: Int
    package let similarity: SimilarityRecord
    /// The losses of the scored tokens, as a measurement of perplexity has them.
    package let sums: ScoreSums
  }

  package let rule: PerplexityProtocol
  /// Number of windows to compare.
  package let windows: Int
  private let layers: Int
  private let ids: [Int32]
  private let bos: Int32?
  private let full: LayerProbe
  private let probes: [LayerProbe]
  private let conditions: [Condition]
  /// Per window, condition and block.
  private var values: [[[Values]]] = []
  private var sums: [ScoreSums]

  /// Means of one block over a window.
  private struct Values: Sendable {
    var attention = 0.0
    var activations = 0.0
    var promptShare = 0.0
  }

  /// - Parameters:
  ///   - full: the model to compare with, which runs without a prompt.
  ///   - model: the measured model.
  ///   - ids: the whole text's tokens, without BOS.
  ///   - limit: maximum number of windows, from the start of the text; nil for all.
  ///   - bos: the token that the vocabulary puts before a text; nil for none.
  /// - Throws: `usage` if the models are of different shapes, an adapter doesn't fit, or the text is shorter than
  ///   one window.
  package init(
    of model: LanguageModel, against full: LanguageModel, conditions: [Condition], ids: [Int32],
    rule: PerplexityProtocol, limit: Int? = nil, bos: Int32? = nil
  ) throws(Failure) {
    precondition(!conditions.isEmpty, "at least one condition")
    try model.checkComparable(with: full)
    let available = rule.windowCount(tokens: ids.count)
    guard available > 0, limit ?? 1 > 0 else {
      throw Failure(
        .usage, "the text has \(ids.count) tokens, less than one window of \(rule.length)",
        advice: "use a longer text or shorter windows", reason: .textTooShort)
    }
    self.rule = rule
    windows = min(available, limit ?? available)
    layers = model.configuration.layers
    self.ids = ids
    self.bos = bos
    self.conditions = conditions
    self.full = try LayerProbe(full, adapter: nil, length: rule.length)
    var probes: [LayerProbe] = []
    for condition in conditions {
      probes.append(try LayerProbe(model, adapter: condition.adapter, length: rule.length))
    }
    self.probes = probes
    sums = conditions.map { _ in ScoreSums() }
  }

  /// Compares all windows.
  ///
  /// - Parameters:
  ///   - modelDigest: the digest of the full model's weights, for the records; nil if unknown.
  ///   - progress: called with the blocks done and to do, after each.
  /// - Throws: `invalidData` if a number isn't finite; what `progress` throws.
  package mutating func run(
    modelDigest: SHA256Digest?, progress: ProgressHandler = .none
  ) throws(Failure) -> [Result] {
    try progress.report(0, of: windows * layers)
    for window in 0..<windows {
      do throws(Failure) {
        try step(window, progress)
      } catch {
        throw error.inside("window \(window)")
      }
    }
    return conditions.indices.map { result($0, modelDigest) }
  }

  private mutating func step(_ window: Int, _ progress: ProgressHandler) throws(Failure) {
    let tokens = rule.window(window, of: ids, bos: bos)
    try full.begin(tokens)
    for probe in probes { try probe.begin(tokens) }
    var blocks: [[Values]] = conditions.map { _ in [] }
    for layer in 0..<layers {
      try full.run(layer)
      for probe in probes { try probe.run(layer) }
      for (index, values) in compare().enumerated() { blocks[index].append(values) }
      try progress.report(window * layers + layer + 1, of: windows * layers, "block \(layer)")
    }
    values.append(blocks)
    for (index, probe) in probes.enumerated() {
      let losses = try probe.losses(of: tokens)
      // losses[i] is the loss of target i + 1.
      sums[index].add(losses[(rule.firstTarget - 1)...])
    }
  }

  /// The values of the block that ran last, per condition. Heads are compared in parallel and added in their
  /// order.
  private func compare() -> [Values] {
    let reference = full.attention
    let measured = probes.map(\.attention)
    let heads = Mutex<[[Values]]>(Array(repeating: [], count: reference.heads))
    Parallel.forEach(reference.heads) { head in
      var own = [Values](repeating: Values(), count: measured.count)
      for token in 0..<reference.length {
        // A first token sees nothing but itself, so its rows are equal whatever the models are.
        let expected = token > 0 ? reference.row(query: token, head: head).text : []
        for (index, attention) in measured.enumerated() {
          let row = attention.row(query: token, head: head)
          own[index].promptShare += row.prefixShare
          if token > 0 { own[index].attention += CosineSimilarity.of(row.text, expected) }
        }
      }
      heads.withLock { [own] in $0[head] = own }
    }
    let all = heads.withLock { $0 }
    let (rows, tokens) = (Double(reference.heads), Double(reference.length))
    return probes.enumerated().map { index, probe in
      Values(
        attention: min(1, all.reduce(0) { $0 + $1[index].attention } / (rows * (tokens - 1))),
        activations: CosineSimilarity.meanOfRows(probe.output, full.output),
        promptShare: min(1, all.reduce(0) { $0 + $1[index].promptShare } / (rows * tokens)))
    }
  }

  private func result(_ index: Int, _ modelDigest: SHA256Digest?) -> Result {
    func means(_ value: (Values) -> Double) -> [Double] {
      (0..<layers).map { layer in
        values.reduce(0) { $0 + value($1[index][layer]) } / Double(windows)
      }
    }
    /// Standard errors of the means over windows; nil for one window.
    func errors(_ value: (Values) -> Double) -> [Double]? {
      guard windows > 1 else { return nil }
      return zip(0..<layers, means(value)).map { layer, mean in
        let squares = values.reduce(0) { sum, window in
          let deviation = value(window[index][layer]) - mean
          return sum + deviation * deviation
        }
        return (squares / Double((windows - 1) * windows)).squareRoot()
      }
    }
    let tokens = probes[index].promptTokens
    return Result(
      prompt: conditions[index].prompt, promptTokens: tokens,
      similarity: SimilarityRecord(
        modelDigest: modelDigest, attention: means(\.attention), activations: means(\.activations),
        attentionErrors: errors(\.attention), activationErrors: errors(\.activations),
        promptShare: tokens > 0 ? means(\.promptShare) : nil),
      sums: sums[index])
  }
}

extension LanguageModel {
  /// - Throws: `usage` naming the first size in which the models' blocks differ.
  fileprivate func checkComparable(with full: LanguageModel) throws(Failure) {
    let (own, other) = (configuration, full.configuration)
    let sizes = [
      ("blocks", own.layers, other.layers), ("width", own.hiddenSize, other.hiddenSize),
      ("heads", own.heads, other.heads), ("heads of keys", own.kvHeads, other.kvHeads),
      ("head width", own.headDim, other.headDim),
      ("vocabulary", own.vocabularySize, other.vocabularySize),
    ]
    guard let (what, a, b) = sizes.first(where: { $0.1 != $0.2 }) else { return }
    throw Failure(
      .usage, "the models can't be compared block by block: \(what) \(a) against \(b)",
      advice: "compare with the model that this one was made from")
  }
}
