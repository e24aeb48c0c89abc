import Checkpoints
import Foundation
import Models
import Numerics
import TestSupport
import Testing

/// Logits, losses and prompt gradients on tiny random models, against transformers in float32: odd
/// sizes, one key-value head for five heads, heads wider than hidden/heads, rope scalings, Qwen2's
/// biases, float32, float16 and bfloat16 files; OPT with norms before and after their layers,
/// projections and odd heads, with GELU and without biases, norm weights or final norm.
@Suite struct ParityTests {
  @Test(arguments: Golden.tinyModels) func logits(_ name: String) throws {
    try checkLogits(Golden(name), Golden(name).model())
  }

  @Test(arguments: Golden.tinyModels) func losses(_ name: String) throws {
    let golden = try Golden(name)
    try checkLosses(golden, golden.model(), prompt: golden.array("prompt"))
  }

  @Test(arguments: Golden.tinyModels) func promptGradient(_ name: String) throws {
    let golden = try Golden(name)
    try checkGradient(golden, golden.model(), prompt: golden.array("prompt"))
  }
}

func checkLogits(_ golden: Golden, _ model: LanguageModel) throws {
  let logits = try Scorer(model).logits(golden.ids[0])
  let sample = golden.rows.flatMap { row in
    stride(from: 0, to: logits.columns, by: golden.columnStride).map { logits[row, $0] }
  }
  let deviation = try relativeDeviation(sample, golden.array("logits").values)
  print("\(golden.name): logits deviate by \(deviation)")
  #expect(deviation <= 1e-4)
}

func checkLosses(_ golden: Golden, _ model: LanguageModel, prompt: Tensor) throws {
  for (key, prompt) in [("nll", nil), ("promptedNLL", prompt)] {
    let found = try model.nll(sequences: golden.ids, prompt: prompt)
    let expected = try golden.array(key).values
    #expect(found.map(\.count) == golden.ids.map { $0.count - 1 })
    #expect(relativeDeviation(found.flatMap(\.self), expected) <= 1e-4)
    // Perplexities agree better than single losses, whose errors have both signs.
    let ratio = exp(mean(found) - mean([expected]))
    print("\(golden.name): perplexity (\(key)) off by \(ratio - 1)")
    #expect(abs(ratio - 1) <= 1e-4)
  }
}

func checkGradient(_ golden: Golden, _ model: LanguageModel, prompt: Tensor) throws {
  let (loss, gradient) = try model.promptGradient(sequences: golden.ids, prompt: prompt)
  #expect(abs(exp(loss - golden.loss) - 1) <= 1e-4)
  let sample = (0..<gradient.rows).flatMap { row in
    stride(from: 0, to: gradient.columns, by: golden.gradientStride).map { gradient[row, $0] }
  }
  let error = try relativeError(sample, golden.array("gradient").values)
  print("\(golden.name): the prompt's gradient is off by \(error)")
  #expect(error <= 1e-3)
}

/// Logits, losses and the prompt gradient on SmolLM2-135M-Instruct, from the GGUF file that users
/// import, against transformers in float32.
@Suite(.enabled(if: RealModel.isPresent, "\(RealModel.skipReason)"))
struct RealModelParityTests {
  @Test func logitsLossesAndGradient() throws {
    let golden = try Golden("smollm2")
    let model = try LanguageModel(source: Checkpoint.open(#require(RealModel.gguf)))
    let prompt = try model.embed(golden.promptRows)
    try checkLogits(golden, model)
    try checkLosses(golden, model, prompt: prompt)
    try checkGradient(golden, model, prompt: prompt)
  }
}
