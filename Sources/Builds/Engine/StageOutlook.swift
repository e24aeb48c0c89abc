import Bytes

/// A prediction of whether a build would run a stage, and why.
package struct StageOutlook: Sendable, Equatable {
  package let stage: String
  /// Whether the stage would run.
  package let willRun: Bool
  /// The reasons, one clause each.
  package let reasons: [String]
  /// The key's digest in hexadecimal; nil if it depends on a stage that has to run first.
  package let key: String?
  /// The existing outputs by name; empty if the stage would run.
  package let outputs: [String: StoreObject]
  /// The estimated memory and disk space; nil unless the stage would run.
  package var needs: StageNeeds?
  /// The estimated seconds; nil unless the stage would run.
  package var seconds: Double?

  package var json: JSON {
    var objects = JSONObject()
    for (name, object) in outputs.sorted(by: { $0.key < $1.key }) { objects[name] = object.json }
    var result: JSONObject = [
      "stage": .string(stage), "run": .bool(willRun), "reasons": JSON(reasons),
      "key": key.map { .string($0) } ?? .null, "outputs": .object(objects),
    ]
    if let needs, let seconds {
      result["estimate"] = [
        "seconds": .number((seconds * 10).rounded() / 10), "memory_bytes": JSON(needs.memory),
        "disk_bytes": JSON(needs.disk),
      ]
    }
    return .object(result)
  }
}
