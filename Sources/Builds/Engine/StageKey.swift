import Bytes

/// The cache key of a stage: a document of everything that its result depends on, and the
/// document's digest. Equal keys mean equal output bytes.
package struct StageKey: Sendable, Equatable {
  /// The version of the document's schema.
  static let schema = 1

  /// The stage's name, algorithm version, parameters, input digests and kernel class.
  package let document: JSON
  package let digest: SHA256Digest

  init(document: JSON) {
    self.document = document
    digest = SHA256Digest(hashing: document.canonicalBytes)
  }

  /// Makes the key of `stage`.
  ///
  /// - Parameters:
  ///   - inputs: the digest of everything that the stage reads, by input name.
  ///   - kernels: the class of floating-point kernels, because another CPU may round differently;
  ///     nil for stages that compute no floating-point numbers.
  package init(stage: any Stage, inputs: [String: SHA256Digest], kernels: String?) {
    var digests = JSONObject()
    for (name, digest) in inputs.sorted(by: { $0.key < $1.key }) {
      digests[name] = .string(digest.hex)
    }
    self.init(document: [
      "schema": JSON(StageKey.schema), "stage": .string(stage.name),
      "algorithm": JSON(stage.algorithmVersion), "parameters": stage.parameters,
      "inputs": .object(digests), "kernels": kernels.map { .string($0) } ?? .null,
    ])
  }

  /// The first 12 hexadecimal digits of the digest, for display.
  package var short: String { String(digest.hex.prefix(12)) }
}

extension StageKey {
  /// Returns the differences between two key documents, one clause each, in the recipe's terms.
  static func differences(from old: JSON, to new: JSON) -> [String] {
    var found: [String] = []
    compare(old, new, path: "", &found)
    return found
  }

  private static func compare(_ old: JSON, _ new: JSON, path: String, _ found: inout [String]) {
    if let a = old.object, let b = new.object {
      let names = a.keys + b.keys.filter { a[$0] == nil }
      for name in names {
        let inner = path.isEmpty ? name : path + "." + name
        compare(a[name] ?? .null, b[name] ?? .null, path: inner, &found)
      }
    } else if old != new {
      found.append(clause(path, old, new))
    }
  }

  private static func clause(_ path: String, _ old: JSON, _ new: JSON) -> String {
    if path.hasPrefix("inputs.") {
      let name = path.dropFirst("inputs.".count)
      if old.isNull { return "input \(name) is new" }
      if new.isNull { return "input \(name) is no longer read" }
      return "input \(name) changed (\(short(old)) → \(short(new)))"
    }
    let change = "changed from \(short(old)) to \(short(new))"
    switch path {
    case "kernels": return "the kernel class \(change)"
    case "algorithm", "schema": return "the program's \(path) version \(change)"
    default:
      let prefix = "parameters."
      return "\(path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path) \(change)"
    }
  }

  private static func short(_ value: JSON) -> String {
    if let text = value.string {
      return SHA256Digest(hex: text) == nil ? text : "\(text.prefix(12))…"
    }
    let text = value.canonicalText
    return text.count <= 60 ? text : "\(text.prefix(60))…"
  }
}
