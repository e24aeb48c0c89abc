import Bytes

/// Everything that a stage's result depends on, and its digest: equal keys mean equal bytes.
package struct StageKey: Sendable, Equatable {
  /// Version of this document's own form.
  static let schema = 1

  package let document: JSON
  package let digest: SHA256Digest

  init(document: JSON) {
    self.document = document
    digest = SHA256Digest(hashing: document.canonicalBytes)
  }

  /// - Parameters:
  ///   - inputs: name and digest of everything the stage reads.
  ///   - kernels: the class of arithmetic, because another CPU may round differently; nil for
  ///     stages that only move bytes.
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

  /// The first 12 digits of the digest, for display.
  package var short: String { String(digest.hex.prefix(12)) }
}

extension StageKey {
  /// The differences between two key documents, a clause each, in the words of the recipe.
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
