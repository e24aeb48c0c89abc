import BundleFormat
import Bytes

/// The size of a whole bundle in bytes, beside its model's sizes in other forms. Bits per weight of the
/// compressed layers say nothing of embeddings, prompts and tables.
struct WholeFile {
  let bytes: Int
  /// Weights of all tensors, compressed or not.
  let parameters: Int
  /// Bytes of the checkpoint's files; nil where they aren't known: bundles of ctpack 0.1 don't record them.
  let sourceBytes: Int?

  init(_ bundle: ModelBundle) {
    bytes = bundle.fileBytes
    parameters = bundle.parameters
    sourceBytes = (try? bundle.provenance)?.sourceBytes
  }

  /// The sizes to compare with: what they are of, for the page and as a JSON key.
  private var others: [(label: String, key: String, bytes: Int)] {
    let known: [(String, String, Int?)] = [
      ("its source", "source", sourceBytes), ("float16", "float16", 2 * parameters),
      ("float32", "float32", 4 * parameters),
    ]
    return known.compactMap { label, key, bytes in
      bytes.flatMap { $0 > 0 ? (label, key, $0) : nil }
    }
  }

  /// `whole file  102.3 MB, 1.04 of its source (98.4 MB), 0.38 of float16 (269.0 MB), 0.19 of …`.
  var line: String {
    (["whole file  \(Figure.bytes(bytes))"]
      + others.map {
        "\(Figure.fixed(ratio(to: $0.bytes), 2)) of \($0.label) (\(Figure.bytes($0.bytes)))"
      }).joined(separator: ", ")
  }

  var json: JSON {
    var object: JSONObject = ["bytes": JSON(bytes)]
    for other in others {
      object[other.key] = ["bytes": JSON(other.bytes), "ratio": .number(ratio(to: other.bytes))]
    }
    return .object(object)
  }

  private func ratio(to other: Int) -> Double { Double(bytes) / Double(other) }
}
