import BundleFormat
import Bytes
import Checkpoints

/// The facts recorded in a bundle, read once, from which its model card, bill of materials and provenance
/// statement are written. There is no clock and no path in it: the same file and options give the same text.
package struct BundleDescription {
  /// Facts that a bundle doesn't record, as the user states them.
  package struct Statements: Sendable, Equatable {
    /// The licence's SPDX expression.
    package var licence: String?
    /// The base model's name on a hub, such as `HuggingFaceTB/SmolLM2-135M-Instruct`.
    package var baseModel: String?
    /// The URI of the platform that built the bundle.
    package var builder: String?

    package init() {}
  }

  let bundle: ModelBundle
  let statements: Statements
  /// The file's name, without a path.
  let file: String
  /// SHA-256 of the whole file.
  let fileDigest: SHA256Digest
  /// The model's settings; nil if the bundle has none, or of a family that this program doesn't know.
  let configuration: ModelConfiguration?
  let provenance: Provenance?
  let evidence: [EvidenceRecord]
  /// The measurements that hold a comparison of inner values with the full model's, with it.
  let similarities: [(record: EvidenceRecord, similarity: SimilarityRecord)]
  let adapters: [StoredAdapter]
  let ledger: JSON?
  /// The text of the licence in the bundle; nil without one.
  let licenceText: String?
  /// The texts that bundle and adapters name, each once, with its roles.
  let data: [DataSet]

  /// A text that was used, with its roles in the order in which they are recorded.
  struct DataSet: Equatable {
    let name: String
    let sha256: SHA256Digest
    var roles: [String]
  }

  /// Reads the bundle at `path`.
  ///
  /// - Throws: `invalidData` if a byte of it doesn't match its hash, or a record can't be read; `busy` if the
  ///   file is changed meanwhile; `usage` if a statement isn't what it should be.
  package init(path: String, statements: Statements) throws(Failure) {
    try statements.check()
    let bundle = try ModelBundle(path: path)
    try bundle.requireSound()
    fileDigest = SHA256Digest(hashing: try MappedFile(path: path).bytes)
    guard try ModelBundle(path: path).generation == bundle.generation else {
      throw Failure(
        .busy, file: path, "it was changed while it was read", advice: "run the same command again")
    }
    self.bundle = bundle
    self.statements = statements
    file = PathNames.last(path)
    configuration = try? ModelConfiguration(canonical: bundle.configuration, file: path)
    provenance = try bundle.provenance
    let evidence = try bundle.evidence
    self.evidence = evidence
    var similarities: [(EvidenceRecord, SimilarityRecord)] = []
    for record in evidence {
      if let similarity = try record.similarity() { similarities.append((record, similarity)) }
    }
    self.similarities = similarities
    adapters = try bundle.adapters
    ledger = try bundle.ledger
    licenceText = try bundle.document(.licence).map { String(decoding: $0.array, as: UTF8.self) }
    var data: [DataSet] = []
    let sources = (provenance?.data ?? []) + adapters.flatMap(\.trainingData)
    for source in sources {
      let place = data.firstIndex { $0.sha256 == source.sha256 && $0.name == source.name }
      if let place {
        if !data[place].roles.contains(source.role) { data[place].roles.append(source.role) }
      } else {
        data.append(DataSet(name: source.name, sha256: source.sha256, roles: [source.role]))
      }
    }
    self.data = data
  }

  /// The base model's name, as stated or as recorded; nil if there is none.
  var baseModel: String? { statements.baseModel ?? provenance?.baseModelName }

  /// The file's name without `.ctpack`.
  var title: String { file.hasSuffix(".ctpack") ? String(file.dropLast(7)) : file }

  /// Whether the bundle was edited since it was written: prompts or measurements were added, or it was signed.
  var isEdited: Bool { bundle.generation > 1 }

  /// The base model's name if hubs can have such a name: OWNER/NAME or NAME, in letters, digits, `-`, `_` and `.`.
  var hubName: String? {
    guard let name = baseModel, Statements.isHubName(name) else { return nil }
    return name
  }

  /// The results of this file: measurements of the compressed model, of these weights, as a user can get them.
  /// Prompts that were drawn, or chosen by what is known only afterwards, are controls.
  var ownEvidence: [EvidenceRecord] {
    evidence.filter { record in
      record.model == "compressed" && isOfTheseWeights(record)
        && !["random", "best-single", "oracle"].contains(record.choice?.rule)
    }
  }

  /// Whether a measurement of the compressed model is of this bundle's weights; true if it doesn't say.
  func isOfTheseWeights(_ record: EvidenceRecord) -> Bool {
    guard record.model == "compressed", let measured = record.modelDigest else { return true }
    return measured == bundle.weightsDigest
  }

  /// The methods that the ledger names, with the number of matrices of each, in alphabetic order.
  var methods: [(name: String, matrices: Int)] {
    var counts: [String: Int] = [:]
    for layer in ledger?["layers"]?.array ?? [] {
      counts[layer["method"]?.string ?? "unknown", default: 0] += 1
    }
    return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The tensors that count as compressed.
  var compressedTensors: [TensorDescriptor] { (try? bundle.compressedLayers()) ?? [] }
}

extension BundleDescription.Statements {
  /// Whether a text has ASCII letters, digits and the characters `others`, at least one of them.
  private static func isMade(_ text: String, of others: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || others.utf8.contains(byte)
      }
  }

  fileprivate static func isHubName(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count <= 2 && parts.allSatisfy { isMade(String($0), of: "-._") }
  }

  /// - Throws: `usage` naming a statement that can't be one.
  fileprivate func check() throws(Failure) {
    if let licence, !Self.isMade(licence, of: "-.+() ") {
      throw Failure(
        .usage, at: "the licence", "`\(licence)` is no SPDX expression",
        advice: "use an identifier of the SPDX list, such as Apache-2.0")
    }
    if let baseModel, !Self.isHubName(baseModel) {
      throw Failure(
        .usage, at: "the base model", "`\(baseModel)` is no name of a model on a hub",
        advice: "use OWNER/NAME")
    }
    if let builder {
      let scheme = builder.prefix { $0 != ":" }
      guard scheme.count < builder.count, Self.isMade(String(scheme), of: "+-."),
        Self.isMade(builder, of: "-._~:/?#[]@!$&'()*+,;=%")
      else {
        throw Failure(
          .usage, at: "the builder", "`\(builder)` is no URI",
          advice: "use one such as https://example.org/builders/lab-1")
      }
    }
  }
}
