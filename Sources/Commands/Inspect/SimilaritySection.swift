import BundleFormat
import Bytes
import Pipeline

/// The section of similarities to the full model: per prompt the median over blocks and the lowest block of
/// attention and of activations. `--json` has every block.
struct SimilaritySection {
  private let records: [(record: EvidenceRecord, similarity: SimilarityRecord)]
  /// The digest of the bundle's weights.
  private let weights: SHA256Digest

  /// - Throws: `invalidData` naming the member of a comparison that can't be read.
  init(_ evidence: [EvidenceRecord], weights: SHA256Digest) throws(Failure) {
    var records: [(EvidenceRecord, SimilarityRecord)] = []
    for record in evidence {
      if let similarity = try record.similarity() { records.append((record, similarity)) }
    }
    self.records = records
    self.weights = weights
  }

  var isEmpty: Bool { records.isEmpty }

  /// Records of the same text, windows and arithmetic, in the order of the records.
  private var groups: [[(record: EvidenceRecord, similarity: SimilarityRecord)]] {
    var places: [MeasurementBasis: Int] = [:]
    var groups: [[(record: EvidenceRecord, similarity: SimilarityRecord)]] = []
    for one in records {
      let place = places[one.record.basis] ?? groups.count
      places[one.record.basis] = place
      if place == groups.count { groups.append([]) }
      groups[place].append(one)
    }
    return groups
  }

  /// A line with the protocol and a table for each group, then a note.
  var lines: [String] {
    groups.flatMap { group -> [String] in
      let basis = group[0].record.basis
      let windows = "\(Figure.count(basis.windows)) \(basis.windows == 1 ? "window" : "windows")"
      let heading = ["prompt", "attention", "lowest", "activations", "lowest"]
      return [
        "  \(basis.protocol), \(windows) of \(basis.text), products in \(basis.arithmetic)"
      ] + Output.table([heading] + group.map(row), right: [1, 3])
    } + [
      "  Cosine similarity: the median over blocks, and the lowest"
        + " (± standard error over windows) with its block, from 0."
    ]
  }

  private func row(_ record: EvidenceRecord, _ similarity: SimilarityRecord) -> [String] {
    let isOther = record.modelDigest.map { $0 != weights } ?? false
    let kinds = [
      SimilaritySummary(similarity.attention, errors: similarity.attentionErrors),
      SimilaritySummary(similarity.activations, errors: similarity.activationErrors),
    ]
    return [(record.prompt ?? "none") + (isOther ? ", OTHER weights" : "")]
      + kinds.flatMap { [$0?.medianText ?? "-", $0?.lowestText ?? "-"] }
  }
}
