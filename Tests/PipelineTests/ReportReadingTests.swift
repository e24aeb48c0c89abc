import BundleFormat
import Bytes
import Pipeline
import TestSupport
import Testing

/// A report's data as they are read from a bundle.
@Suite struct ReportReadingTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
  }

  private static let text = SHA256Digest(hashing: [1])
  private static let full = SHA256Digest(hashing: [2])

  private static func estimate(_ value: Double, _ error: Double) -> JSON {
    ["value": .number(value), "se": .number(error)]
  }

  private static func distribution(_ mean: Double, _ low: Double, _ high: Double) -> JSON {
    let percentiles: JSON = [
      "99.9": estimate(high, 0.1), "50": estimate(mean / 2, 0.01), "0.1": estimate(low, 0.001),
    ]
    return [
      "mean": estimate(mean, 0.02), "max": .number(high), "min": .number(low),
      "percentiles": percentiles,
    ]
  }

  /// A record of a text.
  private func record(
    _ model: String, _ weights: SHA256Digest, prompt: String? = nil, _ ppl: Double,
    adding more: JSONObject = [:]
  ) throws -> EvidenceRecord {
    var object: JSONObject = [
      "protocol": "ctp-64", "text": "held-out", "text_sha256": .string(Self.text.hex),
      "model": .string(model), "model_sha256": .string(weights.hex),
      "prompt": prompt.map { .string($0) } ?? .null, "ppl": .number(ppl), "ppl_stderr": 0.5,
      "nll": 100.0, "scored_tokens": 63, "tokens": 70, "windows": 1,
    ]
    for (key, value) in more { object[key] = value }
    return try EvidenceRecord(json: .object(object))
  }

  /// A bundle with one tensor, a prompt and the records that `records` makes for its weights.
  private func read(
    _ records: (SHA256Digest) throws -> [EvidenceRecord]
  ) throws -> (bundle: ReportBundle, protocols: ReportProtocols, weights: SHA256Digest) {
    var writer = BundleWriter(path: path)
    writer.addTensor(
      try .dense(
        name: "model.layers.0.w.weight", shape: [1, 2], format: .float32,
        values: ByteSlice([UInt8](floats: [1, 2]))))
    let weights = try writer.weightsDigest()
    writer.addAdapter(
      StoredAdapter(
        name: "p", tokens: 1, width: 2, embeddings: [0, 1],
        binding: .init(baseModel: nil, tokenizer: nil, weights: weights), objective: "kl",
        validatedOn: [
          Validation(
            weights: weights, protocol: "ctp-64", text: "held-out", textDigest: Self.text,
            pplWithout: 20, pplWith: 15, scoredTokens: 63)
        ],
        training: [
          "curve": [
            ["step": 0, "validation_ppl": 30.0], ["step": 10, "validation_ppl": 25.5],
          ], "best_step": 10, "validation_ppl_without": 28.0,
          "settings": ["length": 16, "arithmetic": "float32", "validation": ["windows": 4]],
          "data": [
            ["role": "validation", "name": "dev.txt", "sha256": .string(Self.text.hex)]
          ],
        ]))
    let recipe: JSON = ["name": "x", "compression": ["bits": 3]]
    writer.add(.document(.recipe, bytes: ByteSlice(recipe.canonicalBytes)))
    writer.add(
      .document(
        .ledger,
        json: [
          "calibration": ["windows": 8],
          "layers": [["tensor": "model.layers.0.w.weight", "relativeOutputError": 0.25]],
        ]))
    writer.add(.evidence(try records(weights)))
    try writer.finish()
    var protocols = ReportProtocols()
    let bundle = try ReportBundle(ModelBundle(path: path), named: "a", in: &protocols)
    return (bundle, protocols, weights)
  }

  /// Similarities of the bundle's own weights, by quantity and condition, and on the page in each block.
  @Test func similaritiesAreRead() throws {
    let other = SimilarityRecord(modelDigest: nil, attention: [0.5], activations: [0.5])
    let (bundle, protocols, _) = try read { weights in
      [
        try record("compressed", weights, 20).with(
          SimilarityRecord(modelDigest: Self.full, attention: [0.875], activations: [0.75])),
        try record("compressed", weights, prompt: "p", 12).with(
          SimilarityRecord(modelDigest: Self.full, attention: [0.9375], activations: [0.8125])),
        try record("compressed", Self.text, 99).with(other),
      ]
    }
    #expect(
      bundle.similarities.map { "\($0.quantity), \($0.condition): \($0.values)" } == [
        "attention maps, no prompt: [0.875]", "activations, no prompt: [0.75]",
        "attention maps, prompt p: [0.9375]", "activations, prompt p: [0.8125]",
      ])
    let entry = protocols[try #require(bundle.similarities.first).protocol]
    #expect(entry.kind == .similarity && entry.id == "ctp-64" && entry.text == "held-out")
    let page = ReportPage(
      ReportData(programVersion: "1", protocols: protocols, bundles: [bundle])
    ).text
    #expect(page.contains("similarity of attention maps 0.8750, similarity of activations 0.7500"))
    #expect(page.contains("Similarity of activations to the full model’s, block by block"))
  }

  @Test func evidenceIsReadAsItIs() throws {
    let (bundle, protocols, weights) = try read { weights in
      [
        try record("full", Self.full, 10),
        try record(
          "compressed", weights, 20,
          adding: [
            "ratio": 2.0, "ratio_se": 0.125, "ratio_model_sha256": .string(Self.full.hex),
            "divergence": [
              "ppl_base": Self.estimate(10, 0.5), "kl": Self.distribution(0.5, 0.001, 7),
              "dp": Self.distribution(0, -0.5, 0.25), "dp_rms": Self.estimate(0.125, 0.01),
              "same_top": Self.estimate(0.75, 0.05), "ln_ppl_ratio": Self.estimate(0.69, 0.06),
              "ppl_difference": Self.estimate(10, 0.5),
            ],
          ]),
        try record("compressed", weights, prompt: "p", 12),
        try record("compressed", Self.text, 99),
      ]
    }
    try #require(bundle.scores.count == 4)
    #expect(
      bundle.scores.map(\.subject) == [.full, .compressed, .compressedWithPrompt, .compressed])
    #expect(bundle.scores.map(\.perplexity.value) == [10, 20, 12, 99])
    #expect(bundle.scores.map(\.isOfOtherWeights) == [false, false, false, true])
    #expect(bundle.scores[1].ratio == ReportValue(2, error: 0.125))
    let divergence = try #require(bundle.scores[1].divergence)
    #expect(divergence.mean == ReportValue(0.5, error: 0.02))
    #expect(divergence.maximum == 7)
    #expect(divergence.percentiles.map(\.percent) == [0.1, 50, 99.9])
    #expect(divergence.percentiles.map(\.value) == [0.001, 0.25, 7])
    #expect(divergence.sameTop == ReportValue(0.75, error: 0.05))
    #expect(divergence.rmsDelta?.value == 0.125)
    #expect(bundle.scores[0].divergence == nil && bundle.scores[0].ratio == nil)
    let entry = protocols[bundle.scores[0].protocol]
    #expect(entry.id == "ctp-64" && entry.text == "held-out" && entry.textDigest == Self.text)
    #expect(entry.windows == 1 && entry.scored == 63 && entry.available == 70)
    #expect(entry.arithmetic == "float32")
    #expect(Set(bundle.scores.map(\.protocol)).count == 1)
    #expect(bundle.weights == weights)
    let comparison = try #require(bundle.comparisons(protocols).first)
    #expect(comparison[.compressed]?.perplexity.value == 20)
    #expect(comparison.gapClosed == 0.8)
  }

  @Test func tasksAreNoPerplexities() throws {
    let (bundle, protocols, _) = try read { weights in
      try [("full", Self.full, 0.75), ("compressed", weights, 0.5)].map {
        model, weights, accuracy in
        let flips: JSON = [
          [
            "metric": "acc", "against": "full", "p": 0.5,
            "right_to_wrong": [[3, 0, 1], [4, 1, 0]],
            "wrong_to_right": [[7, 2, 1]], "wrong_to_wrong": [],
          ]
        ]
        var task: JSONObject = [
          "name": "piqa", "num_fewshot": 0, "rows_seen": 8, "rows_total": 1838, "truncated": 0,
          "metrics": [
            "acc": ["value": .number(accuracy), "stderr": 0.125],
            "acc_norm": ["value": 0.625, "stderr": 0.125],
          ],
          "files": ["rows": ["name": "piqa.jsonl", "sha256": .string(Self.text.hex)]],
        ]
        if model == "compressed" { task["flips"] = flips }
        return try record(model, weights, 3, adding: ["task": .object(task)])
      }
    }
    #expect(bundle.scores.isEmpty)
    let task = try #require(bundle.tasks.first)
    #expect(bundle.tasks.count == 1 && task.name == "piqa")
    #expect(task.columns.map(\.subject) == [.full, .compressed])
    #expect(task.columns.map(\.accuracy) == [0.75, 0.5].map { ReportValue($0, error: 0.125) })
    #expect(task.columns[1].metrics.map(\.name) == ["acc", "acc_norm"])
    #expect(task.columns.map(\.mcNemar) == [nil, 0.5])
    #expect(task.flips.map(\.row) == [3, 4, 7])
    #expect(task.flips.map(\.direction) == [.rightToWrong, .rightToWrong, .wrongToRight])
    #expect(task.flips[2].before == .choice(2) && task.flips[2].after == .choice(1))
    let entry = protocols[task.protocol]
    #expect(entry.kind == .task && entry.scored == 8 && entry.available == 1838)
  }

  @Test func promptsLayersAndRecipeAreRead() throws {
    let (bundle, protocols, weights) = try read { _ in [] }
    let prompt = try #require(bundle.prompts.first)
    #expect(prompt.name == "p" && prompt.learnedOn == weights)
    #expect(prompt.trust == "learned on these weights")
    let curve = try #require(prompt.curve)
    #expect(curve.points.map(\.step) == [0, 10] && curve.points.map(\.perplexity) == [30, 25.5])
    #expect(curve.without == 28 && curve.bestStep == 10)
    let learning = protocols[curve.protocol]
    #expect(learning.kind == .learning && learning.text == "dev.txt" && learning.windows == 4)
    #expect(prompt.validations.map(\.change) == [-0.25])
    #expect(bundle.layers.map(\.error) == [0.25])
    #expect(bundle.layers.first?.place?.name == "w")
    #expect(try protocols[#require(bundle.layersProtocol)].windows == 8)
    #expect(bundle.recipe["compression"]?["bits"]?.int == 3)
    #expect(bundle.name == "a" && bundle.parameters == 2)
  }

  @Test func oneBundleOneInput() throws {
    _ = try read { _ in [] }
    let input = try ReportInput(path, verify: .fast)
    #expect(try ReportData([input]).bundles.map(\.name) == ["a"])
    let failure = #expect(throws: Failure.self) { try ReportData([input, input]) }
    #expect(failure?.kind == .usage && failure?.file == path, "\(String(describing: failure))")
  }

  @Test func otherInputsAreNamed() throws {
    let text = try folder.write("notes.txt", "no bundle")
    try folder.write("folder/config.json", "{}")
    for (input, kind) in [
      (text, Failure.Kind.invalidData), (folder.file("folder"), .invalidData),
      (folder.file("none"), .inputMissing),
    ] {
      let failure = #expect(throws: Failure.self) { try ReportInput(input, verify: .fast) }
      #expect(failure?.kind == kind && failure?.file == input, "\(String(describing: failure))")
    }
  }

  @Test func filesOtherThanPagesAreKept() throws {
    let text = try folder.write("notes.txt", "no page")
    let page = try folder.write("old.html", "<!DOCTYPE html>\n<html></html>\n")
    let data = SampleReport.data
    #expect(throws: Failure.self) { try ReportFile(text, inputs: []) }
    let failure = #expect(throws: Failure.self) { try ReportFile(page, inputs: [page]) }
    #expect(failure?.kind == .usage)
    #expect(String(decoding: try folder.read("notes.txt"), as: UTF8.self) == "no page")
    for name in ["old.html", "new.html"] {
      try ReportFile(folder.file(name), inputs: [text]).write(ReportPage(data))
      #expect(String(decoding: try folder.read(name), as: UTF8.self) == ReportPage(data).text)
    }
  }
}
