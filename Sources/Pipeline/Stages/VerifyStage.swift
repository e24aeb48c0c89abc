import Builds
import BundleFormat
import Bytes
import Evaluation
import Numerics

/// The stage that measures the perplexities of each evaluation text over the same tokens: of the
/// full model and of the compressed model, each without and with the prompt. Every number but the
/// full model's has its paired ratio to it and, where an evaluation asks for it, the divergence from
/// the full model.
struct VerifyStage: Stage {
  let evaluations: [EvaluationRecipe]
  let rules: [PerplexityProtocol]
  /// The prompt's name; nil without a prompt, which leaves two numbers per text.
  let promptName: String?
  let work: Double
  /// Bytes of the full model's last hidden states that a divergence is measured against, for the
  /// longest text; 0 without one.
  let referenceBytes: Int

  static let name = "verify"
  /// The measurements, a JSON array of `EvidenceRecord`.
  static let evidence = StageOutput("evidence", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 3 }
  var parameters: JSON {
    .object([
      "evaluations": .array(
        zip(evaluations, rules).map { evaluation, rule in
          var object: JSONObject = [
            "name": .string(evaluation.name), "protocol": .string(rule.id),
            "windows": evaluation.windows.map { JSON($0) } ?? .null,
            "arithmetic": .string(evaluation.arithmetic.available.rawValue),
          ]
          if evaluation.divergence { object["divergence"] = true }
          return .object(object)
        }), "prompt": promptName.map { .string($0) } ?? .null,
    ])
  }
  struct Inputs {
    let tokenizer: FileInput
    let full: FileInput
    let compressed: FileInput
    /// The prompt's files; nil without a prompt.
    let prompt: PromptOutputs.Inputs?
    /// The texts, one per evaluation.
    let texts: [FileInput]
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      tokenizer: list.output(ImportStage.tokenizer),
      full: list.output(ImportStage.model, as: "full"),
      compressed: list.output(CompressStage.model),
      prompt: promptName == nil ? nil : PromptOutputs.declare(in: &list),
      texts: evaluations.map { list.file($0.text, as: "text \($0.name)") })
  }
  var outputs: [StageOutput] { [Self.evidence] }
  var usesKernels: Bool { true }
  var pace: Double { 0.35 }
  var needs: StageNeeds { StageNeeds(memory: 512 << 20, disk: referenceBytes) }
  var unit: String { "window" }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    var run = try VerifyRun(self, context, inputs)
    for (index, text) in inputs.texts.enumerated() { try run.measure(index, text) }
    let records = run.records
    return StageResult(
      outputs: [Self.evidence: .bytes(JSON.array(records.map(\.json)).canonicalBytes)],
      summary: .array(
        records.map {
          [
            "text": .string($0.text), "model": .string($0.model),
            "prompt": $0.prompt.map { .string($0) } ?? .null, "ppl": .number($0.ppl),
            "ratio": $0.ratio.map { .number($0.value) } ?? .null,
            "same_top": $0.divergence.map { .number($0.sameTop.value) } ?? .null,
          ]
        }))
  }
}
