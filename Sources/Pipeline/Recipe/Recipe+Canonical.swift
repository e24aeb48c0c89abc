import Bytes

extension Recipe {
  /// All texts that a build reads, each with its role.
  package var texts: [(role: String, path: String)] {
    [(role: "calibration", path: calibration.text)] + (prompt?.texts ?? [])
      + evaluations.map { ("evaluation \($0.name)", $0.text) } + tasks.flatMap(\.texts)
  }

  /// Returns the canonical recipe, which the bundle stores: all defaults filled in, and paths
  /// replaced by base names and digests, so that it describes the build and not the machine.
  ///
  /// - Parameter files: names and digests of the input files by role.
  package func canonical(files: [String: [(name: String, digest: SHA256Digest)]]) -> JSON {
    var sources = JSONObject()
    for (role, list) in files.sorted(by: { $0.key < $1.key }) {
      sources[role] = .array(
        list.map { ["name": .string($0.name), "sha256": .string($0.digest.hex)] })
    }
    var object: JSONObject = [
      "name": .string(name), "model": .string(modelName),
      "calibration": calibration.json, "compression": compression.json,
      "prompt": prompt.map { recipe in
        var object = recipe.json.object ?? [:]
        object["key_values"] = .bool(recipe.keyValues)
        return .object(object)
      } ?? .null,
      "evaluation": .array(evaluations.map(\.json)), "gate": gate.json,
      "package": packaging.json,
    ]
    if !tasks.isEmpty { object["tasks"] = .array(tasks.map(\.json)) }
    if !sources.isEmpty { object["files"] = .object(sources) }
    return .object(object)
  }
}
