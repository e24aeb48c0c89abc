import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics
import Prompts
import TestSupport
import Testing

/// Learning of prefixes and low-rank updates on a tiny model. Model, texts and seed are fixtures;
/// that the perplexity falls by 2 % or more is an outcome.
@Suite struct LearnableAdapterTests {
  let model: LanguageModel
  let texts: PromptLearner.Texts

  init() throws {
    model = try LanguageModel(
      source: Checkpoint.open(RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"))
    // Each token is 1 to 3 above the one before it, which a prompt can learn.
    var random = TestRandom(fixture: 3)
    func text(_ count: Int) -> [Int32] {
      var last = 0
      return (0..<count).map { _ in
        last = (last + 1 + random.below(3)) % 131
        return Int32(last)
      }
    }
    texts = PromptLearner.Texts(training: text(900), validation: text(200))
  }

  private func settings(_ kind: AdapterKind) -> PromptSettings {
    var settings = PromptSettings()
    settings.kind = kind
    (settings.tokens, settings.rank) = (4, 3)
    (settings.steps, settings.warmupSteps, settings.batch, settings.length) = (24, 2, 2, 16)
    (settings.validationEvery, settings.validationWindows) = (6, 6)
    settings.learningRate = kind == .prefix ? 0.2 : 0.03
    return settings
  }

  private func learner(_ settings: PromptSettings) throws -> PromptLearner {
    try PromptLearner(prompt: settings, for: model, texts: texts)
  }

  @Test(arguments: AdapterKind.learned, Optimiser.Kind.allCases)
  func everyKindLearns(_ kind: AdapterKind, _ optimiser: Optimiser.Kind) throws {
    var settings = settings(kind)
    settings.optimiser = optimiser
    var learner = try learner(settings)
    let start = learner.state.bestPerplexity
    // Low-rank updates start without any effect.
    if kind == .lora { #expect(start == learner.state.validationWithoutPrompt) }
    try learner.run()
    #expect(learner.state.bestPerplexity < 0.98 * start)
    let c = model.configuration
    let kinds: [AdapterKind: AdapterShape] = [
      .soft: .prompt(tokens: 4, in: c), .prefix: .prefix(tokens: 4, in: c),
      .lora: .lowRank(
        LowRankShape(rank: 3, alpha: 16, names: [.q, .v], in: c)),
    ]
    #expect(try learner.best.shape == kinds[kind])
  }

  /// A prefix starts with the same perplexity as the soft prompt of the same tokens.
  @Test func aPrefixStartsAsAPrompt() throws {
    let (soft, prefix) = (try learner(settings(.soft)), try learner(settings(.prefix)))
    #expect(soft.state.bestPerplexity == prefix.state.bestPerplexity)
    #expect(try soft.best.parameters.count == 4 * 40)
    #expect(try prefix.best.parameters.count == 3 * 2 * 4 * 8)
  }

  @Test(arguments: [AdapterKind.prefix, .lora])
  func aResumedLearnerEndsWithTheSameBits(_ kind: AdapterKind) throws {
    var whole = try learner(settings(kind))
    try whole.run()
    var first = try learner(settings(kind))
    for _ in 0..<7 { _ = try first.step() }
    var second = try PromptLearner(
      prompt: settings(kind), for: model, texts: texts, saved: ByteSlice(first.state.bytes))
    try second.run()
    #expect(second.state == whole.state)
  }

  @Test func learningStartsFromAnAdapterThatFits() throws {
    for kind in AdapterKind.learned {
      let first = try learner(settings(kind)).best
      let again = try PromptLearner(
        prompt: settings(kind), for: model, texts: texts, start: first)
      #expect(try again.best.parameters.values == first.parameters.values)
    }
    // A prefix from a prompt is the prompt's keys and values.
    let soft = try learner(settings(.soft))
    let from = try PromptLearner(
      prompt: settings(.prefix), for: model, texts: texts, start: soft.best)
    #expect(from.state.bestPerplexity == soft.state.bestPerplexity)
    #expect(throws: Failure.self) {
      try PromptLearner(prompt: settings(.lora), for: model, texts: texts, start: soft.best)
    }
    var longer = settings(.prefix)
    longer.tokens = 5
    #expect(throws: Failure.self) {
      try PromptLearner(prompt: longer, for: model, texts: texts, start: from.best)
    }
  }

  @Test func impossibleAdaptersAreRefused() throws {
    var sunk = settings(.prefix)
    sunk.sink = 3
    #expect(throws: Failure.self) { try sunk.check() }
    var c = model.configuration
    c.design.feedForward = .plain(.relu)
    var lora = settings(.lora)
    lora.targets = [.gate]
    try lora.check(for: model.configuration)
    #expect(throws: Failure.self) { try lora.check(for: c) }
  }
}
