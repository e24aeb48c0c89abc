import Bytes
import Prompts
import TestSupport
import Testing

@Suite struct PromptSettingsTests {
  /// A rate is a few operations in float64.
  @Test func theLearningRateRisesAndFalls() {
    func isClose(_ rate: Double, _ expected: Double) -> Bool {
      abs(rate - expected) <= Rounding.gamma(8, Rounding.float64) * 0.5
    }
    var settings = PromptSettings()
    (settings.steps, settings.warmupSteps, settings.learningRate) = (100, 10, 0.5)
    #expect(isClose(settings.learningRate(at: 0), 0.05))
    #expect(isClose(settings.learningRate(at: 9), 0.5))
    #expect(isClose(settings.learningRate(at: 55), 0.25))
    #expect(isClose(settings.learningRate(at: 99), 0.5 / 90))
    settings.schedule = .cosine
    #expect(isClose(settings.learningRate(at: 10), 0.5))
    #expect(isClose(settings.learningRate(at: 55), 0.25))
    // ¼·(1 − cos(π/90))
    #expect(isClose(settings.learningRate(at: 99), 0.25 * 6.091729809042379e-4))
    settings.schedule = .constant
    #expect(isClose(settings.learningRate(at: 4), 0.25))
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
