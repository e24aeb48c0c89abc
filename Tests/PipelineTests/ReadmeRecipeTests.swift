import BundleFormat
import Bytes
import Compression
import Foundation
import Pipeline
import TestSupport
import Testing

/// The README's recipe: it can be read as it stands, and its comments list every choice.
@Suite struct ReadmeRecipeTests {
  /// The block below the heading "A recipe".
  private func block() throws -> String {
    let page = try String(contentsOfFile: RealModel.packageRoot + "/README.md", encoding: .utf8)
    let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.drop { $0 != "## A recipe" }.dropFirst().drop { $0.isEmpty }
      .prefix { $0.hasPrefix("    ") }.map { $0.dropFirst(4) + "\n" }.joined()
  }

  @Test func itIsReadAsItStands() throws {
    let folder = try TemporaryFolder()
    try folder.write("models/smollm2/config.json", "{}")
    for name in ["data/train.jsonl", "data/dev.jsonl", "data/test.raw"] {
      try folder.write(name, "")
    }
    let recipe = try Recipe(yaml: block(), path: folder.file("small.yaml"))
    #expect(recipe.compression.settings.linear.method == .gptq)
    #expect(recipe.compression.settings.linear.grid.bits == 3)
    #expect(recipe.compression.settings.linear.sparsity.label == "0.5")
    #expect(recipe.prompt?.kind == .soft && recipe.prompt?.settings.tokens == 100)
    #expect(recipe.evaluations.map(\.name) == ["wikitext-2"])
    #expect(recipe.gate.all.maxRatioToFull == 1.5)
  }

  @Test func itsCommentsListEveryChoice() throws {
    let words = try block().split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
    for method in CompressionMethod.allCases {
      #expect(words.contains(method.rawValue), "\(method)")
    }
    for kind in AdapterKind.allCases { #expect(words.contains(kind.rawValue), "\(kind)") }
  }
}
