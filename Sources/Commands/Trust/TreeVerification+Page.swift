import BundleFormat
import Bytes

extension TreeVerification {
  /// The tree's name, verdict, digest and signatures.
  var json: JSON {
    [
      "tree": .string(tree.rawValue), "status": .string(status.rawValue),
      "root": .string(root.hex), "sections": JSON(sections),
      "signatures": .array(signatures.map(\.json)),
    ]
  }

  /// The columns of a table: name, verdict, signatures.
  var row: [String] {
    let verdict =
      status == .unsigned ? "UNSIGNED" : status == .invalid ? "INVALID" : status.rawValue
    return [tree.rawValue, verdict, signatures.map(\.label).joined(separator: "; ")]
  }
}

extension SignatureVerification {
  /// The signature's name, verdict and statement.
  var json: JSON {
    [
      "name": .string(name), "status": .string(status.rawValue),
      "key": statement.map { .string($0.key.hex) } ?? .null,
      "algorithm": statement.map { .string($0.algorithm.rawValue) } ?? .null,
      "time": statement?.time.map { .string($0) } ?? .null,
      "finding": finding.map { .string($0) } ?? .null,
    ]
  }

  /// Key, algorithm, time and verdict in one line.
  fileprivate var label: String {
    guard let statement else { return "invalid: \(finding ?? "it can't be read")" }
    let time = statement.time.map { ", at \($0) by the signer's word" } ?? ""
    let verdict =
      status == .invalid
      ? ", INVALID: \(finding ?? "")" : status == .unknownSigner ? ", unknown signer" : ""
    return "\(statement.algorithm.label) key \(statement.key.hex.prefix(16))…\(time)\(verdict)"
  }
}
