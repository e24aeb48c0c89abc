import Bytes
import Prompts
import Testing

@Suite struct PromptSettingsTests {
  @Test func theLearningRateRisesAndFalls() {
    var settings = PromptSettings()
    (settings.steps, settings.warmupSteps, settings.learningRate) = (100, 10, 0.5)
    #expect(abs(settings.learningRate(at: 0) - 0.05) < 1e-12)
    #expect(abs(settings.learningRate(at: 9) - 0.5) < 1e-12)
    #expect(abs(settings.learningRate(at: 55) - 0.25) < 1e-12)
    #expect(abs(settings.learningRate(at: 99) - 0.5 / 90) < 1e-12)
    settings.schedule = .cosine
    #expect(abs(settings.learningRate(at: 10) - 0.5) < 1e-12)
    #expect(abs(settings.learningRate(at: 55) - 0.25) < 1e-12)
    #expect(settings.learningRate(at: 99) < 0.001)
    settings.schedule = .constant
    #expect(abs(settings.learningRate(at: 4) - 0.25) < 1e-12)
    for step in [10, 55, 99] { #expect(settings.learningRate(at: step) == 0.5) }
    settings.warmupSteps = 0
    #expect(settings.learningRate(at: 0) == 0.5)
  }

  @Test func impossibleSettingsAreNamed() throws {
    let changes: [(String, (inout PromptSettings) -> Void)] = [
      ("tokens", { $0.tokens = 0 }), ("steps", { $0.steps = 0 }), ("batch", { $0.batch = -1 }),
      ("length", { $0.length = 1 }), ("learning_rate", { $0.learningRate = .nan }),
      ("warmup", { $0.warmupSteps = 201 }), ("weight_decay", { $0.weightDecay = -1 }),
      ("clip_norm", { $0.clipNorm = 0 }), ("validation.every", { $0.validationEvery = 0 }),
      (
        "sink",
        {
          $0.sink = 1
          $0.kind = .lora
        }
      ),
      ("sink", { ($0.sink, $0.tokens) = (1, 1) }),
    ]
    try PromptSettings().check()
    for (name, change) in changes {
      var settings = PromptSettings()
      change(&settings)
      #expect { try settings.check() } throws: {
        ($0 as? Failure)?.place == "prompt.\(name)"
      }
    }
  }
}
