import Bytes
import Foundation
import Pipeline
import TestSupport
import Testing

/// The recipe of the studies `seeds` and `idp`, Recipes/studies/smollm2-seeds.yaml.
@Suite struct StudyRecipeTests {
  private static let file = RealModel.packageRoot + "/Recipes/studies/smollm2-seeds.yaml"
  /// The variants whose prompts one bundle holds: their names after that of the compression.
  private static let together = ["", "-own-wikitext", "-kl", "-lora", "-prefix"]

  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    // Empty, because reading a recipe only checks that its files exist.
    for file in [
      ".build/real-model/model.gguf", "Recipes/data/c4-train.jsonl", "c4/c4-train.jsonl",
      "c4/c4-dev.jsonl", "texts/c4-validation.txt", "texts/wikitext-2-test.txt",
      "texts/ptb-test.txt", "texts/wikitext-2-train.raw", "texts/wikitext-2-valid.raw",
      "texts/ptb-train.txt", "texts/ptb-valid.txt", "Recipes/tasks/rows.jsonl",
      // Paths relative to it go through its folder.
      "Recipes/studies/smollm2-seeds.yaml",
    ] {
      try folder.write(file, "")
    }
    for task in ["openbookqa", "hellaswag", "piqa", "mmlu_high_school_european_history"] {
      try folder.write(
        "Recipes/tasks/\(task).yaml",
        """
        task: \(task)
        dataset_path: rows.jsonl
        output_type: multiple_choice
        doc_to_text: "{{question}}"
        doc_to_choice: "{{choices}}"
        doc_to_target: label
        metric_list: [{metric: acc}]
        """)
    }
  }

  private func variant(_ name: String) throws -> Recipe {
    try Recipe(
      yaml: String(contentsOfFile: Self.file, encoding: .utf8),
      path: folder.file("Recipes/studies/smollm2-seeds.yaml"), variant: name,
      environment: ["C4": folder.file("c4"), "TEXTS": folder.file("texts")])
  }

  /// Only compressions are measured on tasks, and only prompts for routing aren't measured on texts.
  @Test func everyVariantMeasuresWhatItIsFor() throws {
    for name in try Recipe.variants(path: Self.file) {
      let recipe = try variant(name)
      let isPart = ["-kl", "-lora", "-prefix"].contains { name.hasSuffix($0) }
      #expect(recipe.tasks.count == (name.contains("-") ? 0 : 4), "\(name)")
      #expect(recipe.tasks.allSatisfy { $0.limit == 500 }, "\(name)")
      #expect(
        recipe.evaluations.count == (isPart ? 0 : name.contains("-own-") ? 1 : 3), "\(name)")
      #expect(recipe.evaluations.allSatisfy { $0.divergence && $0.windows == 24 }, "\(name)")
    }
  }

  /// The prompts that `study.py measure idp` puts into one bundle are learned on the same weights and
  /// have different names.
  @Test(arguments: ["3bit", "half"])
  func promptsForOneBundleBelongToTheSameWeights(_ compression: String) throws {
    let first = try variant(compression)
    let recipes = try Self.together.map { try variant(compression + $0) }
    for recipe in recipes {
      #expect(recipe.compression == first.compression)
      #expect(recipe.calibration == first.calibration)
    }
    #expect(recipes.map { $0.prompt?.name } == ["c4", "wikitext", "kl", "lora", "prefix"])
  }
}
