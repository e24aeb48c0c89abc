import BundleFormat
import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import TestSupport
import Testing

/// Losses and gradients of prefixes and LoRA adapters on tiny random models, against PEFT in
/// float32 (Golden/make_adapter_golden.py).
@Suite struct AdapterParityTests {
  static let models = ["llama-odd", "mistral", "qwen2", "opt", "opt-350m", "qwen3"]

  @Test(arguments: models) func prefix(_ name: String) throws {
    let (model, golden) = try open(name)
    let tokens = try golden.numbers.required("tokens", as: Int.self)
    try check("prefix", .prefix(tokens: tokens, in: model.configuration), model, golden)
  }

  @Test(arguments: models) func lowRank(_ name: String) throws {
    let (model, golden) = try open(name)
    let c = model.configuration
    let shape = LowRankShape(
      rank: try golden.numbers.required("rank", as: Int.self),
      alpha: try golden.numbers.required("alpha", as: Double.self), names: c.linears, in: c)
    try check("lowRank", .lowRank(shape), model, golden)
  }

  private func open(_ name: String) throws -> (LanguageModel, GoldenFile) {
    let model = try LanguageModel(source: Checkpoint.open(GoldenFile.folder + name))
    return (model, try GoldenFile(name + "-adapters"))
  }

  private func check(
    _ key: String, _ shape: AdapterShape, _ model: LanguageModel, _ golden: GoldenFile
  ) throws {
    let values = try golden.array(key).values
    let adapter = try shape.adapter(values, for: model.configuration)
    let ids = try golden.ids()
    let scored = try Scorer(model, adapter: adapter).nll(ids)
    #expect(try relativeDeviation(scored.flatMap(\.self), golden.array(key + "NLL").values) <= 1e-4)
    let (loss, gradient) = try PromptObjective(model).gradient(sequences: ids, adapter: adapter)
    let expected = try golden.numbers.required(key + "Loss", as: Double.self)
    // A mean of 50 losses, each of which may be off as above: errors of both signs cancel.
    #expect(abs(loss - expected) <= 1e-5 * expected)
    let error = try relativeError(gradient.values, golden.array(key + "Gradient").values)
    print("\(key): the gradient is off by \(error)")
    #expect(error <= 1e-3)
  }
}

/// Gradients with respect to adapters on random models, against finite differences.
@Suite(.serialized) struct AdapterGradientTests {
  /// A prompt, a prefix, LoRA on all layers, and LoRA on two layers.
  static func shapes(_ c: ModelConfiguration) -> [AdapterShape] {
    [
      .prompt(tokens: 4, in: c), .prefix(tokens: 4, in: c),
      .lowRank(LowRankShape(rank: 3, alpha: 6, names: c.linears, in: c)),
      .lowRank(
        LowRankShape(
          rank: 2, alpha: 2,
          targets: [target(.v, block: 1, c), target(.down, block: 2, c)])),
    ]
  }

  static func target(_ name: LinearName, block: Int, _ c: ModelConfiguration) -> LowRankTarget {
    let (outputs, inputs) = c.shape(of: name)
    return LowRankTarget(
      tensor: c.keys.weight(of: name, block: block), outputs: outputs, inputs: inputs)
  }

  static func adapter(
    _ shape: AdapterShape, seed: UInt64, for c: ModelConfiguration
  ) throws -> Adapter {
    var random = TestRandom(fixture: seed)
    return try shape.adapter(RandomModel.normals(shape.count ?? 0, 0.3, &random), for: c)
  }

  /// Central differences of the scored loss along random directions, through packed weights.
  ///
  /// Models and directions are fixtures, because neither the loss's fifth derivative nor the
  /// amplification of its rounding errors has a bound that would be of use.
  @Test(arguments: [ModelDesign.NormPlacement?.none, .before, .after])
  func finiteDifferences(_ placement: ModelDesign.NormPlacement?) throws {
    var random = TestRandom(fixture: placement == nil ? 71 : placement == .before ? 72 : 73)
    var c = RandomModel.configuration
    if let placement {
      c = placement == .before ? RandomModel.opt : RandomModel.opt350M
      c.design.feedForward = .plain(.gelu)
    }
    let model = try RandomModel.make(seed: random.next(), bits: 4, configuration: c)
    let ids = RandomModel.sequences(2, length: 11, seed: random.next())
    for shape in Self.shapes(c) {
      let start = try Self.adapter(shape, seed: random.next(), for: c)
      let values = start.parameters.values
      let gradient = try PromptObjective(model).gradient(sequences: ids, adapter: start).gradient
      for _ in 0..<2 {
        // A direction of length 1, so that the step doesn't grow with the number of parameters.
        let drawn = RandomModel.normals(values.count, 1, &random)
        let length = drawn.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot()
        let direction = drawn.map { $0 / Float(length) }
        let step: Float = 5e-3
        func loss(_ sign: Float) throws -> Double {
          let moved = zip(values, direction).map { $0 + sign * step * $1 }
          return mean(try Scorer(model, adapter: shape.adapter(moved, for: c)).nll(ids))
        }
        let (near, far) = try (loss(1) - loss(-1), loss(2) - loss(-2))
        let measured = (8 * near - far) / (12 * Double(step))
        let expected = zip(gradient.values, direction).reduce(0.0) { $0 + Double($1.0 * $1.1) }
        let size = gradient.values.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot()
        // The slope along a direction is about the gradient's length over the root of the number of
        // parameters. Losses of about 4 in float32 are off by 10⁻⁶, and their differences are
        // divided by a step of 5·10⁻³.
        let typical = size / Double(values.count).squareRoot()
        #expect(abs(measured - expected) <= 3e-2 * typical + 2e-3, "\(shape)")
      }
    }
  }

  @Test(arguments: RandomModel.designs)
  func gradientsDoNotDependOnMemoryOrThreads(_ c: ModelConfiguration) throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    let model = try RandomModel.make(seed: 5, bits: 3, configuration: c)
    let ids = RandomModel.sequences(3, length: 29, seed: 6)
    for shape in Self.shapes(c) {
      let adapter = try Self.adapter(shape, seed: 7, for: c)
      func run(_ threads: Int, _ budget: MemoryBudget) throws -> (Double, [Float]) {
        Parallel.threads = threads
        let (loss, gradient) = try PromptObjective(model, budget: budget)
          .gradient(sequences: ids, adapter: adapter)
        return (loss, gradient.values)
      }
      let first = try run(1, .unlimited)
      for (threads, budget) in [(2, .unlimited), (1, .minimal), (2, MemoryBudget(bytes: 90_000))] {
        let again = try run(threads, budget)
        #expect(again.0 == first.0 && again.1 == first.1, "\(shape)")
      }
    }
  }
}

@Suite struct AdapterTests {
  /// A prefix made of a prompt's keys and values gives the prompt's losses, to the bit.
  @Test(arguments: RandomModel.designs)
  func aPrefixMadeFromAPromptScoresLikeThePrompt(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 31, bits: 4, configuration: c)
    let ids = RandomModel.sequences(2, length: 13, seed: 32)
    let prompt = RandomModel.prompt(6, seed: 33)
    let prefix = try KeyValues(of: prompt, in: model)
    let expected = try model.nll(sequences: ids, prompt: prompt)
    #expect(try Scorer(model, adapter: .prefix(prefix)).nll(ids) == expected)
    #expect(try mean(model.nll(sequences: ids)) != mean(expected))
  }

  @Test func lowRankUpdatesStartWithoutEffect() throws {
    let model = try RandomModel.make(seed: 34)
    let c = model.configuration
    let ids = RandomModel.sequences(2, length: 13, seed: 35)
    let shape = LowRankShape(rank: 4, alpha: 8, names: [.q, .v], in: c)
    var random = SeededGenerator(seed: 36)
    var values = shape.start(random: &random)
    #expect(values.count == 3 * 4 * (24 + 18 + 24 + 6))
    #expect(values.prefix(4 * 24).allSatisfy { $0 != 0 && abs($0) <= 1 / Float(24).squareRoot() })
    let started = try AdapterShape.lowRank(shape).adapter(values, for: c)
    #expect(try Scorer(model, adapter: started).nll(ids) == model.nll(sequences: ids))
    values[4 * 24] = 1
    let moved = try AdapterShape.lowRank(shape).adapter(values, for: c)
    #expect(try Scorer(model, adapter: moved).nll(ids) != model.nll(sequences: ids))
  }

  /// A layer with a low-rank update computes x·Wᵀ + scale·(x·Aᵀ)·Bᵀ, and dy·W + scale·(dy·B)·A
  /// backward, for few and many rows, within the rounding of these products in float32.
  @Test(arguments: [1, 3, 8, 9, 70]) func lowRankUpdatesEqualTheDenseSum(_ rows: Int) throws {
    var random = TestRandom("\(rows)")
    func tensor(_ shape: [Int]) -> Tensor {
      Tensor(shape, RandomModel.normals(shape[0] * shape[1], 0.5, &random))
    }
    let (w, a, b) = (tensor([19, 33]), tensor([5, 33]), tensor([19, 5]))
    let scale = Bounded(0.7 as Float)
    var layer = Linear(weight: .dense(w))
    layer.lowRank = LowRank(a: a, b: b, scale: 0.7)
    func row(_ x: Tensor, _ index: Int) -> [Bounded] {
      (0..<x.columns).map { Bounded(x[index, $0]) }
    }
    func column(_ x: Tensor, _ index: Int) -> [Bounded] {
      (0..<x.rows).map { Bounded(x[$0, index]) }
    }
    /// x·Wᵀ + scale·(x·Aᵀ)·Bᵀ of one row, where `w`, `a` and `b` are columns of the transposed
    /// factors. Where the scale is applied makes no difference to the number of roundings.
    func sum(_ x: [Bounded], _ w: [Bounded], _ a: [[Bounded]], _ b: [Bounded]) -> Bounded {
      let middle = a.map { scale * Bounded.dot(x, $0) }
      return Bounded.dot(x, w) + Bounded.dot(middle, b).rounded()
    }
    func check(_ found: Tensor, _ expected: (Int, Int) -> Bounded, _ what: String) {
      for i in 0..<found.rows {
        for j in 0..<found.columns {
          let value = expected(i, j)
          #expect(
            abs(Double(found[i, j]) - value.value) <= value.error,
            "\(what) [\(i), \(j)]: \(found[i, j]), not \(value), \(random.note)")
        }
      }
    }
    let (x, dy) = (tensor([rows, 33]), tensor([rows, 19]))
    let (y, dx) = (Tensor([rows, 19]), Tensor([rows, 33]))
    layer.apply(x, into: y, arithmetic: .float32)
    layer.applyTransposed(dy, into: dx, arithmetic: .float32)
    check(y, { sum(row(x, $0), row(w, $1), (0..<5).map { row(a, $0) }, row(b, $1)) }, "output")
    check(
      dx, { sum(row(dy, $0), column(w, $1), (0..<5).map { column(b, $0) }, column(a, $1)) },
      "gradient")
  }

  /// Each token generated through the caches has the highest logit that the scorer gives at its
  /// position.
  @Test(arguments: RandomModel.designs)
  func generationAgreesWithScoring(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 37, bits: 4, configuration: c)
    let ids = RandomModel.sequences(1, length: 9, seed: 38)[0]
    for shape in AdapterGradientTests.shapes(c) {
      let adapter = try AdapterGradientTests.adapter(shape, seed: 39, for: c)
      var settings = GenerationSettings()
      settings.maxTokens = 6
      settings.cache = .float32
      let (adapted, start) = try adapter.attached(to: model)
      let new = try adapted.generate([ids], prompt: start, settings: settings).tokens[0]
      #expect(new.count == 6)
      let logits = try Scorer(model, adapter: adapter).logits(ids + new)
      for (index, token) in new.enumerated() {
        let row = logits.rows(ids.count - 1 + index..<ids.count + index).values
        // On this fixture logits of caches and of whole passes, of about 5, differ by 10⁻⁵.
        #expect(row[Int(token)] >= (row.max() ?? 0) - 1e-3, "\(shape)")
      }
    }
  }

  @Test func adaptersOfOtherShapesAreRefused() throws {
    let model = try RandomModel.make(seed: 40)
    let c = model.configuration
    func refusal(_ shape: AdapterShape, _ count: Int? = nil) -> String? {
      do throws(Failure) {
        let count = count ?? shape.count ?? 0
        let adapter = try shape.adapter([Float](repeating: 0, count: count), for: c)
        _ = try Scorer(model, adapter: adapter)
      } catch { return error.kind == .usage ? error.finding : nil }
      return nil
    }
    #expect(refusal(.prefix(tokens: 2, in: c)) == nil)
    #expect(refusal(.prefix(tokens: 2, in: c), 5)?.contains("5 numbers") == true)
    #expect(refusal(.prompt(tokens: 2, in: c), 49)?.contains("49 numbers") == true)
    func target(_ block: Int) -> LowRankTarget { AdapterGradientTests.target(.q, block: block, c) }
    let beyond = LowRankShape(rank: 1, alpha: 1, targets: [target(3)])
    #expect(refusal(.lowRank(beyond))?.contains("layers.3") == true)
    let twice = LowRankShape(rank: 1, alpha: 1, targets: [target(0), target(0)])
    #expect(refusal(.lowRank(twice))?.contains("two updates") == true)
    #expect(refusal(.lowRank(LowRankShape(rank: 0, alpha: 1, names: [.q], in: c))) != nil)
    var other = c
    other.layers = 2
    let short = try AdapterShape.prefix(tokens: 2, in: other).adapter(
      [Float](repeating: 0, count: 2 * 2 * 2 * 6), for: other)
    #expect(throws: Failure.self) { try Scorer(model, adapter: short) }
    #expect(throws: Failure.self) {
      try PromptObjective(model).gradient(sequences: [[1, 2]], adapter: short)
    }
  }
}
