import Builds
import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Models
import Numerics
import Text

/// The stage that answers each task's rows: with the full model and with the compressed model, each
/// without and with the prompt. All are compared with the full model without it.
struct TaskStage: Stage {
  let tasks: [TaskRecipe]
  /// The prompt's name; nil without a prompt, which leaves two results per task.
  let promptName: String?
  let work: Double

  static let name = "tasks"
  /// The measurements, a JSON array of `EvidenceRecord`.
  static let evidence = StageOutput("evidence", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 2 }
  var parameters: JSON {
    ["tasks": .array(tasks.map(\.json)), "prompt": promptName.map { .string($0) } ?? .null]
  }
  struct Inputs {
    let tokenizer: FileInput
    let full: FileInput
    let compressed: FileInput
    /// The prompt's files; nil without a prompt.
    let prompt: PromptOutputs.Inputs?
    /// The tasks' files, by role.
    let sources: [String: FileInput]
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    let tokenizer = list.output(ImportStage.tokenizer)
    let full = list.output(ImportStage.model, as: "full")
    let compressed = list.output(CompressStage.model)
    let prompt = promptName == nil ? nil : PromptOutputs.declare(in: &list)
    var sources: [String: FileInput] = [:]
    for (role, path) in tasks.flatMap(\.texts) { sources[role] = list.file(path, as: role) }
    return Inputs(
      tokenizer: tokenizer, full: full, compressed: compressed, prompt: prompt, sources: sources)
  }
  var outputs: [StageOutput] { [Self.evidence] }
  var usesKernels: Bool { true }
  var pace: Double { 0.3 }
  var needs: StageNeeds { StageNeeds(memory: 512 << 20) }
  var unit: String { "row" }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    var run = try TaskStageRun(self, context, inputs)
    for task in tasks { try run.measure(task) }
    let records = run.records
    return StageResult(
      outputs: [Self.evidence: .bytes(JSON.array(records.map(\.json)).canonicalBytes)],
      summary: .array(
        records.map {
          [
            "task": .string($0.text), "model": .string($0.model),
            "prompt": $0.prompt.map { .string($0) } ?? .null,
            "metrics": $0.task?.json["metrics"] ?? .null,
          ]
        }))
  }
}
