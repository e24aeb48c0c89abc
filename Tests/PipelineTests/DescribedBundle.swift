import BundleFormat
import Bytes
import TestSupport

/// A small bundle with a recipe, provenance, a prompt and measurements, whose names try to be markup.
struct DescribedBundle {
  static let baseName = "Base \u{202E}1"
  let folder: TemporaryFolder
  let path: String
  /// SHA-256 of the file.
  let fileDigest: SHA256Digest
  let recipeDigest: SHA256Digest
  var text: String { Self.text }
  var prompt: String { Self.prompt }
  var textDigest: SHA256Digest { Self.textDigest }
  /// The digest of the base model's weights, and of its file.
  var base: SHA256Digest { Self.base }
  private static let text = "held-out <b>|x*"
  private static let prompt = "own"
  private static let textDigest = SHA256Digest(hashing: [1])
  private static let base = SHA256Digest(hashing: [2])
  private static let recipe = "{\n  \"name\": \"sample\"\n}\n"

  /// - Parameter more: measurements that are added, of a bundle whose weights have that digest.
  init(
    _ folder: TemporaryFolder, baseName: String = Self.baseName,
    adding more: (SHA256Digest) -> [EvidenceRecord] = { _ in [] }
  ) throws {
    self.folder = folder
    path = folder.file("small.ctpack")
    recipeDigest = SHA256Digest(hashing: Array(Self.recipe.utf8))
    var writer = BundleWriter(path: path)
    writer.addTensor(
      try .packed(
        name: "w", shape: [2, 16], bits: 4, groupSize: 16,
        codes: ByteSlice(
          Planar.pack((0..<32).map { UInt8($0 % 16) }, rows: 2, columns: 16, bits: 4)),
        scales: ByteSlice([0, 0x3C, 0, 0x3C]), zeros: nil))
    let weights = try writer.weightsDigest()
    let development = SHA256Digest(hashing: [4])
    writer.addAdapter(
      StoredAdapter(
        name: Self.prompt, tokens: 1, width: 2, embeddings: [0, 1],
        binding: .init(baseModel: Self.base, tokenizer: nil, weights: weights), objective: "kl",
        training: [
          "data": [
            ["role": "training", "name": "train.txt", "sha256": .string(Self.train.hex)],
            ["role": "validation", "name": "dev.txt", "sha256": .string(development.hex)],
          ]
        ]))
    writer.add(.document(.recipe, bytes: ByteSlice(Array(Self.recipe.utf8))))
    writer.add(.evidence(Self.records(weights) + more(weights)))
    writer.add(
      .document(
        .ledger,
        json: [
          "calibration": [
            "windows": 8, "length": 32, "distinct_tokens": 20, "vocabulary": 263,
          ], "layers": [["tensor": "w", "method": "gptq", "solverError": 0.5, "bits": 4]],
        ]))
    writer.add(
      .provenance(
        Provenance(
          baseModel: Self.base, baseModelName: baseName, tokenizer: nil,
          data: [
            .init(role: "calibration", name: "train.txt", sha256: Self.train),
            .init(role: "evaluation", name: Self.text, sha256: Self.textDigest),
          ], recipe: recipeDigest, programVersion: "0.0.9", kernelClass: "plain",
          stages: [
            .init(name: "import", key: SHA256Digest(hashing: [5])),
            .init(name: "compress", key: SHA256Digest(hashing: [6])),
          ], sourceFiles: [.init(name: "model.safetensors", sha256: Self.base, bytes: 1000)])))
    try writer.finish()
    fileDigest = SHA256Digest(hashing: try folder.read("small.ctpack"))
  }

  private static let train = SHA256Digest(hashing: [3])

  /// Measurements of the full model, of these weights without and with the prompt, and of other weights.
  private static func records(_ weights: SHA256Digest) -> [EvidenceRecord] {
    func record(
      _ model: String, _ digest: SHA256Digest, _ prompt: String?, _ ppl: Double
    ) -> EvidenceRecord {
      EvidenceRecord(
        protocol: "ctp-64", text: text, textDigest: textDigest, model: model, modelDigest: digest,
        prompt: prompt, ppl: ppl, pplStandardError: 0.5, nll: 1, scoredTokens: 10, tokens: 10,
        windows: 1)
    }
    return [
      record("full", base, nil, 10), record("compressed", weights, nil, 20.5),
      record("compressed", weights, prompt, 12.25),
      record("compressed", SHA256Digest(hashing: [9]), nil, 99),
    ]
  }

  /// Writes a bundle that records nothing of its origin; returns its path.
  func writeBare(_ name: String) throws -> String {
    var writer = BundleWriter(path: folder.file(name))
    writer.addTensor(
      try .dense(
        name: "w", shape: [2], format: .float32, values: ByteSlice([UInt8](floats: [1, 2]))))
    try writer.finish()
    return folder.file(name)
  }
}
