import Bytes
import Foundation
import Pipeline
import Prompts
import RecipeFields
import TestSupport
import Testing

/// The tables of fields: Recipes/README.md, and defaults and ranges equal to those of the settings.
@Suite struct RecipeReferenceTests {
  @Test func thePageHoldsTheTables() throws {
    let path = RealModel.packageRoot + "/Recipes/README.md"
    let page = try String(contentsOfFile: path, encoding: .utf8)
    let filled = try RecipeReference.filled(page, file: path)
    #expect(
      page == filled, "run `ctpack recipe reference Recipes/README.md --write`")
    #expect(throws: Failure.self) { try RecipeReference.filled("no tables", file: "x") }
  }

  @Test func everyFieldIsDescribed() throws {
    for section in RecipeReference.sections {
      #expect(Set(section.fields.map(\.name)).count == section.fields.count, "\(section.name)")
      for field in section.fields {
        #expect(!field.meaning.isEmpty && !field.fallback.isEmpty, "\(field.name)")
      }
    }
    let prompt = try RecipeReference.section("prompt").fields
    let patience = try #require(prompt.first { $0.name == "patience" })
    #expect(patience.type == "whole number" && patience.range == "0 to 1,000,000")
    #expect(patience.fallback == "0")
    #expect(prompt.contains { $0.name == "validation.every" })
    let failure = #expect(throws: Failure.self) { try RecipeReference.section("promt") }
    #expect(failure?.advice?.contains("did you mean `prompt`?") == true)
  }

  /// An empty section gives the initial values of the settings' type.
  @Test func defaultsOfRecipesAreThoseOfTheSettings() throws {
    let folder = try TemporaryFolder()
    for file in ["train.txt", "dev.txt", "model/config.json"] { try folder.write(file, "") }
    let recipe = try Recipe(
      yaml: """
        model: model
        calibration: {text: train.txt}
        prompt: {validation: {text: dev.txt}}
        """, path: folder.file("r.yaml"))
    #expect(recipe.prompt?.settings == PromptSettings())
  }

  /// A value out of range is rejected by the recipe and by the learner, with the same message.
  @Test func rangesOfRecipesAreThoseOfTheSettings() throws {
    let folder = try TemporaryFolder()
    for file in ["train.txt", "dev.txt", "model/config.json"] { try folder.write(file, "") }
    for (field, value, change) in [
      ("steps", "100000001", { $0.steps = 100_000_001 }),
      ("patience", "1000001", { $0.patience = 1_000_001 }),
      ("weight_decay", "1.5", { $0.weightDecay = 1.5 }),
      ("clip_norm", "0.0", { $0.clipNorm = 0 }),
    ] as [(String, String, (inout PromptSettings) -> Void)] {
      let read = #expect(throws: Failure.self) {
        try Recipe(
          yaml: """
            model: model
            calibration: {text: train.txt}
            prompt: {\(field): \(value), validation: {text: dev.txt}}
            """, path: folder.file("r.yaml"))
      }
      var settings = PromptSettings()
      change(&settings)
      let checked = #expect(throws: Failure.self) { try settings.check() }
      let place = try #require(checked?.place)
      #expect(read?.finding == "\(place): \(checked?.finding ?? "")")
    }
  }
}
