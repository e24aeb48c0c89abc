import BundleFormat
import Bytes
import Models
import Text

/// A text → the embeddings of its tokens, which stand as a prompt; nothing is learned.
struct HardPromptStage: Stage {
  let recipe: PromptRecipe
  var source = PromptSource.build

  var name: String { PromptStage.name }
  var algorithmVersion: Int { 1 }
  var parameters: JSON { recipe.json }
  var inputs: [StageInput] { source.compressed }
  var usesKernels: Bool { true }
  var unit: String { "prompt" }
  var work: Double { 1 }

  func run(_ context: StageContext) throws -> StageResult {
    let model = try source.compressed(context)
    let ids = try source.tokenizer(context).encode(recipe.hardText ?? "")
    guard !ids.isEmpty else {
      throw Failure(.invalidData, at: "prompt.hard_text", "the text has no tokens")
    }
    let vectors = try model.embed(ids)
    let shape = AdapterShape.prompt(tokens: ids.count, ids: ids, in: model.configuration)
    let record: JSON = ["settings": recipe.json, "stage": .string(context.key.digest.hex)]
    return StageResult(
      outputs: [
        PromptStage.prompt: .bytes([UInt8](floats: vectors.values)),
        PromptStage.form: .bytes(shape.json.canonicalBytes),
        PromptStage.training: .bytes(record.canonicalBytes),
      ], summary: ["tokens": JSON(ids.count)])
  }
}
