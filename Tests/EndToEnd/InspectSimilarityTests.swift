import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// The section of `ctpack inspect` on the similarity to the full model.
@Suite struct InspectSimilarityTests {
  let folder: TemporaryFolder
  private var ctpack: Program { Program(folder: folder) }

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.copyItem(
      atPath: "\(RealModel.packageRoot)/Formats/vectors/valid-prompts.ctpack",
      toPath: folder.file("a.ctpack"))
  }

  /// A measurement of `ctp-256` on four windows of `text`, unless said otherwise.
  private func record(
    _ prompt: String?, weights: SHA256Digest, protocol id: String = "ctp-256", windows: Int = 4,
    text: String = "news", arithmetic: String? = nil, _ similarity: SimilarityRecord
  ) -> EvidenceRecord {
    EvidenceRecord(
      protocol: id, text: text, textDigest: SHA256Digest(hashing: [8]), arithmetic: arithmetic,
      model: "compressed", modelDigest: weights, prompt: prompt, ppl: 41, pplStandardError: 2,
      nll: 1, scoredTokens: 255 * windows, tokens: 1100, windows: windows
    ).with(similarity)
  }

  private func records(_ weights: SHA256Digest) -> [EvidenceRecord] {
    [
      record(
        nil, weights: weights,
        SimilarityRecord(
          modelDigest: nil, attention: [0.99, 0.9, 0.96], activations: [0.75, 0.875, 0.5],
          attentionErrors: [0.001, 0.002, 0.003], activationErrors: [0.01, 0.02, 0.03])),
      record(
        "a", weights: weights,
        SimilarityRecord(
          modelDigest: nil, attention: [0.995, 0.97, 0.98], activations: [0.875, 0.9375, 0.75],
          attentionErrors: [0.001, 0.002, 0.003], activationErrors: [0.01, 0.02, 0.03],
          promptShare: [0.25, 0.5, 0.125])),
      record(
        nil, weights: SHA256Digest(hashing: [9]),
        SimilarityRecord(
          modelDigest: nil, attention: [0.125, 0.375], activations: [0.25, 0.5],
          attentionErrors: [0.001, 0.002], activationErrors: [0.01, 0.02])),
      record(
        "b", weights: weights, protocol: "ctp-64", windows: 1, text: "short",
        arithmetic: "bfloat16",
        SimilarityRecord(modelDigest: nil, attention: [0.5], activations: [-0.25])),
    ]
  }

  private func add(_ records: (SHA256Digest) -> [EvidenceRecord]) throws {
    let path = folder.file("a.ctpack")
    let evidence = records(try ModelBundle(path: path).weightsDigest)
    try BundleEditor.edit(path) { (edit) throws(Failure) in edit.add(.evidence(evidence)) }
  }

  private static let section = """
    Similarity to the full model, block by block (1: the same)
      ctp-256, 4 windows of news, products in float32
      prompt               attention  lowest                     activations  lowest
      none                    0.9600  0.9000 ± 0.0020 (block 1)       0.7500  0.5000 ± 0.0300 (block 2)
      a                       0.9800  0.9700 ± 0.0020 (block 1)       0.8750  0.7500 ± 0.0300 (block 2)
      none, OTHER weights     0.2500  0.1250 ± 0.0010 (block 0)       0.3750  0.2500 ± 0.0100 (block 0)
      ctp-64, 1 window of short, products in bfloat16
      prompt  attention  lowest            activations  lowest
      b          0.5000  0.5000 (block 0)      -0.2500  -0.2500 (block 0)
      Cosine similarity: the median over blocks, and the lowest (± standard error over windows) with its block, from 0.
    """

  @Test func thePageHasMediansAndLowestBlocks() throws {
    #expect(try !ctpack("inspect", "a.ctpack").output.contains("Similarity"))
    try add(records)
    let page = try ctpack("inspect", "a.ctpack")
    #expect(page.status == 0, "\(page.errors)")
    #expect(page.output.contains("\n\n" + Self.section + "\n\n"), "\(page.output)")
    // All blocks stay where they were.
    let evidence = try ctpack("inspect", "a.ctpack", "--json").json["evidence"]?.array ?? []
    let attention = evidence.map { $0["similarity"]?["attention"]?.array?.compactMap(\.double) }
    #expect(attention == [[0.99, 0.9, 0.96], [0.995, 0.97, 0.98], [0.125, 0.375], [0.5]])
  }

  /// A row per prompt, however many blocks there are.
  @Test func manyBlocksTakeNoMoreLines() throws {
    let blocks = 200
    try add { weights in
      [nil, "a", "b"].map { prompt in
        record(
          prompt, weights: weights,
          SimilarityRecord(
            modelDigest: nil, attention: (0..<blocks).map { 1 - Double($0) / 1000 },
            activations: (0..<blocks).map { 0.5 + Double($0) / 1000 }))
      }
    }
    let lines = try ctpack("inspect", "a.ctpack").output.components(separatedBy: "\n")
    let start = try #require(lines.firstIndex { $0.hasPrefix("Similarity to the full model") })
    let section = lines[start...].prefix { !$0.isEmpty }
    #expect(section.count == 7, "\(section)")
    let rows = section.filter { $0.contains("0.8010 (block 199)") }
    #expect(rows.count == 3 && rows.allSatisfy { $0.hasSuffix("0.5000 (block 0)") }, "\(section)")
    #expect(rows.allSatisfy { $0.contains("  0.9005  ") && $0.contains("  0.5995  ") })
  }
}
