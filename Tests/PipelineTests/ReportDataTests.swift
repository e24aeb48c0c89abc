import Bytes
import Pipeline
import Testing

/// The numbers that a report compares, and those that it keeps apart.
@Suite struct ReportDataTests {
  private static func entry(_ arithmetic: String = "float32", windows: Int = 4) -> ReportProtocol {
    ReportProtocol(
      .perplexity, id: "ctp-32", text: "text", textDigest: SampleReport.digest("text"),
      tokenizer: SampleReport.digest("tokenizer"), windows: windows, scored: 124, available: 130,
      arithmetic: arithmetic)
  }

  @Test func equalProtocolsHaveOneNumber() {
    var protocols = ReportProtocols()
    let entries = [Self.entry(), Self.entry("bfloat16"), Self.entry(windows: 5), Self.entry()]
    let numbers = entries.map { protocols.number(of: $0) }
    #expect(numbers == [1, 2, 3, 1])
    #expect(protocols.all.count == 3)
  }

  @Test func numbersOfTwoProtocolsAreNotCompared() throws {
    var protocols = ReportProtocols()
    let (a, b) = (protocols.number(of: Self.entry()), protocols.number(of: Self.entry("bfloat16")))
    let found = ReportComparison.all(
      in: [
        ReportScore(.full, perplexity: ReportValue(10), protocol: a),
        ReportScore(.compressed, perplexity: ReportValue(20), protocol: b),
        ReportScore(.compressedWithPrompt, prompt: "p", perplexity: ReportValue(15), protocol: b),
      ], protocols)
    try #require(found.map(\.protocol) == [a, b])
    #expect(found[0][.compressed] == nil && found[1][.full] == nil)
    #expect(found[1].gapClosed == nil)
  }

  @Test func onePromptForEachComparison() throws {
    var protocols = ReportProtocols()
    let number = protocols.number(of: Self.entry())
    func score(_ subject: ReportSubject, _ prompt: String?, _ value: Double) -> ReportScore {
      ReportScore(subject, prompt: prompt, perplexity: ReportValue(value), protocol: number)
    }
    var other = score(.compressed, nil, 99)
    other.isOfOtherWeights = true
    var chosen = score(.compressedWithPrompt, "auto", 11)
    chosen.rule = "keys"
    let found = ReportComparison.all(
      in: [
        score(.full, nil, 10), score(.compressed, nil, 21), score(.compressed, nil, 20), other,
        score(.compressedWithPrompt, "a", 15), score(.compressedWithPrompt, "b", 24), chosen,
      ], protocols)
    try #require(found.map(\.prompt) == ["a", "b"])
    for comparison in found {
      #expect(comparison[.full]?.perplexity.value == 10)
      #expect(comparison[.compressed]?.perplexity.value == 20, "the newest of these weights")
    }
    #expect(found[0].gapClosed == 0.5)
    #expect(found[1].gapClosed == -0.4)
  }

  @Test func axesShareOneProtocol() throws {
    let data = SampleReport.data
    let axes = data.axes
    #expect(
      axes.map(\.key) == [
        "file_bytes", "bits", "layer_bits", "sparsity", "ppl1", "kl1", "top1", "acc4", "acc5",
      ])
    let perplexity = try #require(axes.first { $0.key == "ppl1" })
    #expect(perplexity.values.map(\.plain) == [21.43, 18.52, 64.7])
    #expect(perplexity.values.map(\.prompted) == [19.27, 18.11, 38.9])
    #expect(!perplexity.higherIsBetter)
    let same = try #require(axes.first { $0.key == "top1" })
    #expect(same.higherIsBetter && same.protocol == 1)
    let accuracy = try #require(axes.first { $0.key == "acc4" })
    #expect(accuracy.values[1].plain == nil && accuracy.values[1].prompted == nil)
  }

  @Test func settingsThatDifferAreFound() {
    let settings = ReportSettings(SampleReport.data.bundles.map(\.recipe))
    #expect(
      Set(settings.rows.filter(\.differs).map(\.path)) == [
        "name", "compression.bits", "compression.rules", "compression.rules[down_proj].name",
        "compression.rules[down_proj].bits", "prompt.steps",
      ])
    #expect(settings.rows.first { $0.path == "prompt.steps" }?.values == ["3000", "1000", "3000"])
    #expect(settings.rows.first { $0.path == "compression.act_order" }?.differs == false)
    // A recipe that is missing differs in everything.
    let half = ReportSettings([["a": 1], .null])
    #expect(half.rows.first { $0.path == "a" }?.values == ["1", nil])
  }

  @Test(arguments: [
    (["x/small.ctpack", "large.ctpack"], ["small", "large"]),
    (["a/small.ctpack", "b/small.ctpack", "c.work"], ["a/small", "b/small", "c"]),
    (["small.ctpack", "small.ctpack"], ["small (1)", "small (2)"]),
    ([".ctpack", "small.ctpack/"], [".ctpack", "small"]),
  ])
  func labelsDiffer(_ paths: [String], _ labels: [String]) {
    #expect(ReportInput.labels(paths) == labels)
  }

  @Test(arguments: [
    ("model.layers.3.mlp.up_proj.weight", 3, "mlp.up_proj"),
    ("model.decoder.layers.11.fc1.bias", 11, "fc1.bias"),
    ("model.embed_tokens.weight", nil, nil), ("layers.x.y", nil, nil), ("model.layers.2", nil, nil),
  ])
  func layersHaveAPlace(_ tensor: String, _ block: Int?, _ name: String?) {
    let layer = ReportLayer(
      tensor: tensor, shape: [1], storage: "f32", parameters: 1, storedBytes: 4, bits: 32)
    #expect(layer.place?.block == block)
    #expect(layer.place?.name == name)
  }
}
