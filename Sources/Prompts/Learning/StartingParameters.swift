import Bytes
import Models
import Numerics

extension PromptSettings {
  /// The initial rows [n, e] of a soft prompt, without the sink: embeddings of real tokens, drawn
  /// from `seed` or given. Embeddings of real text are a far better start than random vectors.
  package func start(for model: LanguageModel, trainingIDs: [Int32]) throws(Failure) -> Tensor {
    // A separate random stream, because the data order's first epoch uses the seed itself.
    let tokens = learnedTokens
    var random = SeededGenerator(seed: seed ^ 0x5072_6F6D_7074_0001)
    switch initialisation {
    case .text:
      guard trainingIDs.count >= tokens else {
        throw Failure(
          .usage,
          "the training text has \(trainingIDs.count) tokens, too few to start a prompt of \(tokens)",
          advice: "use a longer text or fewer soft tokens")
      }
      let first = random.below(trainingIDs.count - tokens + 1)
      return try model.embed(Array(trainingIDs[first..<first + tokens]))
    case .vocabulary:
      let size = model.configuration.vocabularySize
      return try model.embed((0..<tokens).map { _ in Int32(random.below(size)) })
    case .first:
      return try model.embed((0..<tokens).map { Int32($0) })
    case .given:
      guard !startIDs.isEmpty else {
        throw Failure(.usage, "there are no tokens to start the prompt from")
      }
      return try model.embed((0..<tokens).map { startIDs[$0 % startIDs.count] })
    }
  }

  /// The parameters before the first step. A prefix starts as the keys and values of a soft
  /// prompt's initial rows, LoRA without any effect.
  func startingParameters(
    for model: LanguageModel, trainingIDs: [Int32]
  ) throws(Failure) -> [Float] {
    guard kind != .lora else {
      // A separate random stream, because the data order's first epoch uses the seed itself.
      var random = SeededGenerator(seed: seed ^ 0x4C6F_5261_0000_0001)
      let c = model.configuration
      return lowRankShape(c).start(random: &random)
    }
    let rows = try start(for: model, trainingIDs: trainingIDs)
    return kind != .prefix ? rows.values : try KeyValues(of: rows, in: model).rows.values
  }

  /// The parameters of an adapter to start from. A prefix can also start from a soft prompt.
  ///
  /// - Throws: `usage` if the adapter has another kind or size.
  func parameters(of start: Adapter, for model: LanguageModel) throws(Failure) -> [Float] {
    let c = model.configuration
    switch (kind, start) {
    case (.soft, .prompt(let rows)), (.hard, .prompt(let rows)), (.prefix, .prompt(let rows)):
      guard rows.rows == tokens, rows.columns == c.embeddingSize else {
        throw Failure(
          .usage,
          "the starting prompt is \(rows.rows) × \(rows.columns), the settings and the"
            + " model need \(tokens) × \(c.embeddingSize)")
      }
      if kind == .prefix { return try KeyValues(of: rows, in: model).rows.values }
      return rows.rows(tokens - learnedTokens..<tokens).values
    case (.prefix, .prefix(let prefix)) where prefix.tokens == tokens: return prefix.rows.values
    case (.lora, .lowRank(let parts))
    where parts.shape == lowRankShape(c):
      return parts.parameters.values
    default:
      throw Failure(
        .usage, "the starting adapter has another kind or size than the one to be learned",
        advice: "start from the same kind with the same sizes")
    }
  }

  /// The trainable adapter for `model`.
  func learnable(
    _ model: LanguageModel, budget: MemoryBudget
  ) throws(Failure) -> any Learnable {
    switch kind {
    case .soft, .hard:
      let frozen = try sink.map { (id) throws(Failure) in try model.embed([id]) }
      return try SoftPrompt(model, tokens: learnedTokens, frozen: frozen, budget: budget)
    case .prefix, .lora:
      try check(for: model.configuration)
      return LearnableAdapter(
        model, shape: adapterShape(model.configuration), budget: budget)
    }
  }
}
