import Builds
import BundleFormat
import Bytes
import Models
import Text

/// The stage that makes a hard prompt: the token embeddings of a given text.
struct HardPromptStage: Stage {
  let recipe: PromptRecipe
  var source = PromptSource.build

  var name: String { PromptOutputs.stage }
  var algorithmVersion: Int { 1 }
  var parameters: JSON { recipe.json }
  func declareInputs(in list: inout InputList) -> PromptSource.CompressedInput {
    source.declareCompressed(in: &list)
  }
  var outputs: [StageOutput] { PromptOutputs.all }
  var usesKernels: Bool { true }
  var unit: String { "prompt" }
  var work: Double { 1 }

  func run(
    _ context: StageContext, _ compressed: PromptSource.CompressedInput
  ) throws -> StageResult {
    let model = try compressed.read(context)
    let ids = try compressed.tokenizer.read(context).encode(recipe.hardText ?? "")
    guard !ids.isEmpty else {
      throw Failure(
        .invalidData, at: "prompt.hard_text", "the text has no tokens",
        advice: "give a text of at least one token")
    }
    let vectors = try model.embed(ids)
    let shape = AdapterShape.prompt(tokens: ids.count, ids: ids, in: model.configuration)
    let record: JSON = ["settings": recipe.json, "stage": .string(context.key.digest.hex)]
    return PromptOutputs.result(
      values: vectors, shape: shape, training: record, summary: ["tokens": JSON(ids.count)])
  }
}
