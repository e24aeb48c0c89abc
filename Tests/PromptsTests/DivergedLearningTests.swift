import Bytes
import Checkpoints
import Models
import Numerics
import Prompts
import TestSupport
import Testing

/// Learning on numbers that aren't finite: the model's, the start's, or those of steps too large.
@Suite struct DivergedLearningTests {
  let folder: TemporaryFolder
  let ids = (0..<200).map { Int32($0 % 50 + 3) }

  init() throws { folder = try TemporaryFolder() }

  private var settings: PromptSettings {
    var settings = PromptSettings()
    (settings.tokens, settings.steps, settings.batch, settings.length) = (4, 6, 2, 16)
    (settings.validationEvery, settings.validationWindows, settings.warmupSteps) = (1, 2, 0)
    return settings
  }

  private func model(_ tiny: TinyCheckpoint) throws -> LanguageModel {
    try LanguageModel(source: Checkpoint.open(tiny.write(to: folder)))
  }

  private func failure(_ body: () throws(Failure) -> Void) -> Failure? {
    do throws(Failure) { try body() } catch { return error }
    return nil
  }

  private func learner(
    _ model: LanguageModel, start: Adapter? = nil
  ) throws(Failure) -> PromptLearner {
    try PromptLearner(
      prompt: settings, for: model, texts: PromptLearner.Texts(training: ids, validation: ids),
      start: start)
  }

  @Test func aDamagedModelIsNamedBeforeTheFirstStep() throws {
    var tiny = TinyCheckpoint()
    tiny.damaged = "model.layers.0.mlp.gate_proj.weight"
    let model = try model(tiny)
    let found = failure { () throws(Failure) in _ = try learner(model) }
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "tensor \"model.layers.0.mlp.gate_proj.weight\"")
  }

  @Test func aStartThatIsNotFiniteIsRefused() throws {
    let model = try model(TinyCheckpoint())
    let prompt = try model.embed([3, 4, 5, 6])
    prompt[7] = .infinity
    let found = failure { () throws(Failure) in _ = try learner(model, start: .prompt(prompt)) }
    #expect(found?.kind == .invalidData)
    #expect(found?.finding.contains("number 7 is inf") == true)
  }

  /// A saved state whose parameters aren't finite any more: the next step says that learning failed,
  /// which is the settings' fault, not the file's.
  @Test func parametersThatAreNotFiniteEndLearning() throws {
    let model = try model(TinyCheckpoint())
    let healthy = try learner(model)
    // The parameters follow the header, whose length is at byte 16.
    var bytes = healthy.state.bytes
    let header = try #require(ByteSlice(bytes).integer(at: 16, as: UInt64.self))
    let place = 24 + Int(header) + 4 * 2
    bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0xC0, 0x7F])
    let texts = PromptLearner.Texts(training: ids, validation: ids)
    var resumed = try PromptLearner(
      prompt: settings, for: model, texts: texts, saved: ByteSlice(bytes))
    #expect(resumed.state.parameters[2].isNaN)
    let found = failure { () throws(Failure) in _ = try resumed.step() }
    #expect(found?.kind == .notMet)
    #expect(found?.place == "step 1")
    #expect(found?.advice?.contains("learning rate") == true)
    #expect(resumed.state.step == 0)
  }
}
