import BundleFormat
import Bytes
import Pipeline
import TestSupport
import Testing
import Yams

/// Divergences, ratios, tasks and similarities in model cards and bills of materials.
@Suite struct DescribedEvidenceTests {
  let card: String
  let bill: JSON
  /// The file without these measurements.
  let plain: String

  init() throws {
    let folder = try TemporaryFolder()
    let bare = try DescribedBundle(folder)
    plain = ModelCard(try BundleDescription(path: bare.path, statements: .init())).text
    let sample = try DescribedBundle(folder) { SampleEvidence(weights: $0).all }
    let description = try BundleDescription(path: sample.path, statements: .init())
    card = ModelCard(description).text
    bill = CycloneDXBill(description).json
  }

  /// The lines of the page's section `title`, without its subsections.
  private func section(_ title: String) -> [String] {
    let lines = card.components(separatedBy: "\n")
    guard let start = lines.firstIndex(of: title) else { return [] }
    return Array(lines[(start + 1)...].prefix { !$0.hasPrefix("#") })
  }

  private func rows(_ title: String) -> [String] {
    Array(section(title).filter { $0.hasPrefix("|") }.dropFirst(2))
  }

  @Test func theCardComparesWithTheFullModel() {
    let end = "| ctp-32 | 12 | 372 | bfloat16 |"
    let rest = "| 2.5 ± 0.25 | 75.00 ± 5.00 % | 6.25 ± 0.50 %"
    let none = "| – | – | – | –"
    #expect(
      rows("### Against the full model") == [
        "| news | full | own | 0.7500 ± 0.1250 | 0.0625 ± 0.00625 \(rest) \(end)",
        "| news | compressed | none | 1.5000 ± 0.0625 | 0.125 ± 0.0125 \(rest) \(end)",
        "| news | compressed | own | 1.2500 \(none) \(end)",
        "| news | compressed, **other weights than these** | none | 9.0000 ± 0.5000 \(none) \(end)",
      ])
    #expect(
      section("### Against the full model").first { $0.hasPrefix("|") }
        == "| text | model | prompt | perplexity / full's | KL, mean | KL, 99 % | same top token | Δp, RMS"
        + " | protocol | windows | scored tokens | products |")
    #expect(!plain.contains("Against the full model"))
  }

  @Test func theCardHasResultsOfTasks() {
    let end = "| lm-eval-0.4 | 2 | 9 of 12 | float32 |"
    let none = "| – | – | –"
    #expect(
      rows("### Tasks") == [
        "| quiz | acc | full | none | 75.00 ± 12.50 % \(none) \(end)",
        "| quiz | acc\\_norm | full | none | 62.50 ± 12.50 % \(none) \(end)",
        "| quiz | acc | compressed | none | 50.00 ± 12.50 % | 2 | 1 | 0.75 \(end)",
        "| quiz | acc\\_norm | compressed | none | 62.50 ± 12.50 % \(none) \(end)",
        // Its flips are from a model other than the full one.
        "| quiz | acc | compressed | own | 62.50 ± 12.50 % \(none) \(end)",
        "| quiz | acc\\_norm | compressed | own | 62.50 ± 12.50 % \(none) \(end)",
        "| words \\<i\\>\\|2 | perplexity | compressed | none | 12.50 ± 0.50 \(none)"
          + " | lm-eval-0.4 | 0 | 12 | float32 |",
      ])
    let cut = section("### Tasks").filter { $0.contains("context was cut") }
    #expect(cut.count == 1 && cut[0].hasSuffix("words \\<i\\>\\|2, compressed, prompt none: 3."))
    #expect(!plain.contains("### Tasks"))
  }

  @Test func theCardHasSimilarities() {
    #expect(
      rows("### Similarity to the full model") == [
        "| news | compressed | none | 0.9600 | 0.9000 ± 0.0020 (block 1) | 0.7500"
          + " | 0.5000 ± 0.0300 (block 2) | ctp-256 | 4 | 1,020 | float32 |"
      ])
  }

  /// A task's perplexity of right answers is no perplexity of a text, and each row has its protocol.
  @Test func tasksAreNoTexts() {
    let all = rows("## Measurements")
    #expect(all.count == 4 + 5 + 1)
    #expect(all.allSatisfy { $0.contains("| ctp-") && !$0.contains("3.00 ± 0.25") })
    #expect(!card.contains("| 3.00 ± 0.25"))
  }

  @Test func theHeadHasAllMetricsOfThisFile() throws {
    let head = card.split(separator: "---\n", maxSplits: 2, omittingEmptySubsequences: false)[1]
    let yaml = try #require(try Yams.load(yaml: String(head)) as? [String: Any])
    let index = try #require(yaml["model-index"] as? [[String: Any]])
    let results = try #require(index[0]["results"] as? [[String: Any]])
    let metrics = results.map { $0["metrics"] as? [[String: Any]] ?? [] }
    #expect(
      metrics.map { $0.map { $0["type"] as? String ?? "" } } == [
        ["perplexity"], ["perplexity"],
        [
          "perplexity", "ratio_to_full", "kl_divergence", "kl_divergence_p99", "same_top_token",
          "dp_rms",
        ], ["perplexity", "ratio_to_full"], ["acc", "acc_norm"], ["acc", "acc_norm"],
        ["perplexity"], ["perplexity"],
      ])
    #expect(metrics[2].map { $0["value"] as? Double } == [40.5, 1.5, 0.125, 2.5, 0.75, 0.0625])
    for metric in metrics[2] {
      let name = metric["name"] as? String ?? ""
      #expect(name.hasSuffix("(ctp-32, 12 windows, products in bfloat16, prompt: none)"), "\(name)")
      let arguments = try #require(metric["args"] as? [String: Any])
      #expect(arguments["protocol"] as? String == "ctp-32" && arguments["windows"] as? Int == 12)
      #expect(arguments["arithmetic"] as? String == "bfloat16")
      let compares = metric["type"] as? String != "perplexity"
      #expect(
        arguments["full_model_sha256"] as? String == (compares ? SampleEvidence.full.hex : nil))
    }
    let kl = metrics[2][2]["args"] as? [String: Any]
    #expect(kl?["standard_error"] as? Double == 0.0125)
    // Without an error where none is known.
    #expect((metrics[3][1]["args"] as? [String: Any])?["standard_error"] == nil)

    let quiz = results[4]
    #expect((quiz["dataset"] as? [String: Any])?["type"] as? String == "quiz")
    #expect((quiz["dataset"] as? [String: Any])?["name"] as? String == "quiz (2-shot)")
    let accuracy = metrics[4][0]
    #expect(
      accuracy["name"] as? String
        == "Accuracy (lm-eval-0.4, 2-shot, 9 of 12 rows, prompt: none)")
    #expect(accuracy["value"] as? Double == 0.5)
    let arguments = try #require(accuracy["args"] as? [String: Any])
    #expect(arguments["rows_seen"] as? Int == 9 && arguments["rows_total"] as? Int == 12)
    #expect(arguments["num_few_shot"] as? Int == 2)
    #expect(arguments["rows_sha256"] as? String == SampleEvidence.file.hex)
    let flips = try #require(arguments["against_full"] as? [String: Any])
    #expect(flips["right_to_wrong"] as? Int == 2 && flips["wrong_to_right"] as? Int == 1)
    #expect(flips["wrong_to_wrong"] as? Int == 1 && flips["mcnemar_p"] as? Double == 0.75)
    #expect((metrics[5][0]["args"] as? [String: Any])?["against_full"] == nil)
  }

  @Test func theBillHasAllMetricsOfThisFile() throws {
    let model = try #require(bill["metadata"]?["component"]?["modelCard"])
    let metrics = try #require(model["quantitativeAnalysis"]?["performanceMetrics"]?.array)
    #expect(metrics.count == 2 + 6 + 2 + 2 + 2 + 1 + 1)
    for metric in metrics {
      // The schema has no other members, and takes texts alone.
      let keys = Set((metric.object ?? [:]).keys)
      #expect(keys.isSubset(of: ["type", "value", "slice", "confidenceInterval"]), "\(keys)")
      #expect(metric["value"]?.string.flatMap { Double($0) } != nil)
      #expect(metric["slice"]?.string?.contains("; protocol ") == true)
      #expect(metric["slice"]?.string?.contains("; prompt ") == true)
    }
    let kl = try #require(metrics.first { $0["type"] == "kl_divergence" })
    #expect(kl["value"] == "0.125")
    let bounds = ["lowerBound", "upperBound"].compactMap {
      kl["confidenceInterval"]?[$0]?.string.flatMap { Double($0) }
    }
    #expect(bounds == [0.125 - 1.96 * 0.0125, 0.125 + 1.96 * 0.0125])
    let digest = SHA256Digest(hashing: [8]).hex
    #expect(
      kl["slice"]?.string
        == "text news, SHA-256 \(digest); protocol ctp-32; 12 windows, 372 scored tokens; prompt none; "
        + "products in bfloat16; full model's weights SHA-256 \(SampleEvidence.full.hex)")
    let ratios = metrics.filter { $0["type"] == "ratio_to_full" }
    #expect(ratios.map { $0["confidenceInterval"] != nil } == [true, false])
    let accuracy = try #require(metrics.first { $0["type"] == "acc" })
    #expect(accuracy["value"] == "0.5")
    #expect(
      accuracy["slice"]?.string
        == "task quiz, rows SHA-256 \(SampleEvidence.file.hex); protocol lm-eval-0.4; 9 of 12 rows, "
        + "0 with a cut context; 2-shot; prompt none; products in float32")

    let costs = model["considerations"]?["performanceTradeoffs"]?.array?.compactMap(\.string) ?? []
    #expect(
      costs.contains(
        "acc of quiz by lm-eval-0.4, 2-shot, 9 of 12 rows: 0.75 of the full model, 0.5 of this one, "
          + "prompt none; 2 rows from right to wrong, 1 from wrong to right, McNemar's p 0.75."))
    // Two texts and two metrics of a task, each without and with the prompt.
    #expect(costs.count == 8)
    let limits = model["considerations"]?["technicalLimitations"]?.array?.compactMap(\.string) ?? []
    #expect(limits.filter { $0.contains("first 9 of 12 rows") }.count == 1)
    #expect(!limits.contains { $0.contains("words") })
  }

  @Test func summariesHaveMedianAndLowestBlock() throws {
    let even = try #require(SimilaritySummary([0.5, 0.25, 1, 0.25], errors: nil))
    #expect(even.median == 0.375 && even.lowest == 0.25 && even.block == 1)
    #expect(even.standardError == nil && even.lowestText == "0.2500 (block 1)")
    let odd = try #require(SimilaritySummary([-0.5, 0.75, 0.5], errors: [0.125, 0, 0]))
    #expect(odd.median == 0.5 && odd.lowestText == "-0.5000 ± 0.1250 (block 0)")
    #expect(SimilaritySummary([], errors: nil) == nil)
  }
}
