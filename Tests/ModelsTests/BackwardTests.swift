import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import TestSupport
import Testing

/// Gradients with respect to a soft prompt on random models.
@Suite(.serialized) struct BackwardTests {
  /// Central differences of the loss along random directions (four points, so that the third
  /// derivative cancels), against the gradient's projection on them.
  ///
  /// Models and directions are fixtures, because neither the loss's fifth derivative nor the
  /// amplification of its rounding errors has a bound that would be of use.
  @Test(arguments: [nil, 8, 4, 3, 2] as [Int?]) func finiteDifferences(_ bits: Int?) throws {
    try checkDifferences(bits, RandomModel.configuration)
  }

  /// Central differences on OPT's designs, with GELU: across the kink of a ReLU they aren't
  /// derivatives.
  @Test(arguments: [ModelDesign.NormPlacement.before, .after])
  func finiteDifferencesOfOPT(_ placement: ModelDesign.NormPlacement) throws {
    var c = placement == .before ? RandomModel.opt : RandomModel.opt350M
    c.design.feedForward = .plain(.gelu)
    #expect(c.design.normPlacement == placement)
    for bits in [nil, 4] { try checkDifferences(bits, c) }
  }

  private func checkDifferences(_ bits: Int?, _ configuration: ModelConfiguration) throws {
    var random = TestRandom(
      fixture: UInt64(bits ?? 32) + (configuration.design.normPlacement == .after ? 100 : 0)
        + (configuration.family == .opt ? 200 : 0))
    let model = try RandomModel.make(seed: random.next(), bits: bits, configuration: configuration)
    let ids = RandomModel.sequences(2, length: 11, seed: random.next())
    let prompt = RandomModel.prompt(4, seed: random.next())
    let (_, gradient) = try model.promptGradient(sequences: ids, prompt: prompt)
    for _ in 0..<3 {
      let direction = RandomModel.normals(prompt.count, 1, &random)
      let step: Float = 1e-3
      func loss(_ sign: Float) throws -> Double {
        let moved = zip(prompt.values, direction).map { $0 + sign * step * $1 }
        return mean(try model.nll(sequences: ids, prompt: Tensor(prompt.shape, moved)))
      }
      let (near, far) = try (loss(1) - loss(-1), loss(2) - loss(-2))
      let measured = (8 * near - far) / (12 * Double(step))
      let expected = zip(gradient.values, direction).reduce(0.0) { $0 + Double($1.0 * $1.1) }
      // Losses of about 4 in float32 are off by 10⁻⁶, and their differences are divided by a step of
      // 10⁻³ along directions of length 10.
      let size = gradient.values.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot()
      #expect(abs(measured - expected) <= 2e-2 * size)
    }
  }

  @Test(arguments: RandomModel.designs)
  func keptAndRecomputedActivationsGiveTheSameBits(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 5, bits: 3, configuration: c)
    let ids = RandomModel.sequences(3, length: 13, seed: 6)
    let prompt = RandomModel.prompt(5, seed: 7)
    let all = try model.promptGradient(sequences: ids, prompt: prompt, budget: .unlimited)
    // 44 rows of about 200 numbers each: the budgets hold one block or two, not three.
    for budget in [.minimal, MemoryBudget(bytes: 50_000), MemoryBudget(bytes: 90_000)] {
      let some = try model.promptGradient(sequences: ids, prompt: prompt, budget: budget)
      #expect(some.loss == all.loss)
      #expect(some.gradient.values == all.gradient.values)
    }
  }

  @Test(arguments: RandomModel.designs)
  func threadsDoNotChangeTheBits(_ c: ModelConfiguration) throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    let model = try RandomModel.make(seed: 8, bits: 4, configuration: c)
    let ids = RandomModel.sequences(4, length: 29, seed: 9)
    let prompt = RandomModel.prompt(6, seed: 10)
    func run(threads: Int) throws -> ([[Float]], Double, [Float]) {
      Parallel.threads = threads
      let (loss, gradient) = try model.promptGradient(sequences: ids, prompt: prompt)
      return (try model.nll(sequences: ids, prompt: prompt), loss, gradient.values)
    }
    let (one, two) = (try run(threads: 1), try run(threads: 2))
    #expect(one.0 == two.0)
    #expect(one.1 == two.1)
    #expect(one.2 == two.2)
  }

  @Test func stepsOfDifferentShapesAreIndependent() throws {
    let model = try RandomModel.make(seed: 11)
    let (short, long) = (
      RandomModel.sequences(1, length: 5, seed: 1), RandomModel.sequences(2, length: 9, seed: 2)
    )
    let prompt = RandomModel.prompt(3, seed: 3)
    let objective = PromptObjective(model)
    let first = try objective.gradient(sequences: long, prompt: prompt)
    _ = try objective.gradient(sequences: short, prompt: prompt)
    let again = try objective.gradient(sequences: long, prompt: prompt)
    #expect(first.gradient.values == again.gradient.values)
  }
}
