import Bytes
import Foundation

/// The record of a finished stage. It is written after everything it speaks of is durable.
package struct StageMarker: Sendable, Equatable {
  package let stage: String
  package let key: StageKey
  package let outputs: [String: StoreObject]
  /// Figures that the stage found, for display and for later stages.
  package let summary: JSON

  var json: JSON {
    let objects = outputs.sorted { $0.key < $1.key }
    var members = JSONObject()
    for (name, object) in objects { members[name] = object.json }
    return [
      "stage": .string(stage), "key": .string(key.digest.hex), "document": key.document,
      "outputs": .object(members), "summary": summary,
    ]
  }
}

extension [StageMarker] {
  /// The file that a finished stage made; nil where it is none of these or made none.
  package func object(of output: StageOutput) -> StoreObject? {
    first { $0.stage == output.stage }?.outputs[output.name]
  }
}

extension Store {
  private func markerFile(_ key: StageKey) -> String { stagesFolder + "/\(key.digest.hex).json" }

  /// The keys of all finished stages, in no order.
  func finishedKeys() -> [SHA256Digest] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: stagesFolder)) ?? []
    return names.compactMap { name in
      name.hasSuffix(".json") ? SHA256Digest(hex: String(name.dropLast(5))) : nil
    }
  }

  func marker(_ digest: SHA256Digest) throws(Failure) -> StageMarker {
    let path = stagesFolder + "/\(digest.hex).json"
    let json = try Store.readJSON(path)
    let document = try json.required("document", file: path)
    let key = StageKey(document: document)
    guard key.digest == digest else {
      throw Failure(
        .invalidData, file: path, at: "key \"document\"",
        "its digest is \(key.digest.hex), not the one in the file's name",
        advice: "remove the file; its stage then runs again")
    }
    var outputs: [String: StoreObject] = [:]
    for (name, value) in try json.required("outputs", as: JSONObject.self, file: path) {
      outputs[name] = try StoreObject(value, file: path)
    }
    return StageMarker(
      stage: try json.required("stage", as: String.self, file: path), key: key, outputs: outputs,
      summary: try json.required("summary", file: path))
  }

  /// The record of the stage with this key; nil where it hasn't finished.
  func marker(for key: StageKey) throws(Failure) -> StageMarker? {
    guard FileManager.default.fileExists(atPath: markerFile(key)) else { return nil }
    return try marker(key.digest)
  }

  func write(_ marker: StageMarker) throws {
    try AtomicFile.write(marker.json.canonicalBytes, to: markerFile(marker.key))
    try fault(.markerWritten)
  }

  /// The key document that each stage had last, finished or not.
  func latest() -> [String: JSON] {
    guard let object = (try? Store.readJSON(latestFile))?.object else { return [:] }
    return Dictionary(Array(zip(object.keys, object.values)), uniquingKeysWith: { $1 })
  }

  func setLatest(_ stage: String, _ key: StageKey) throws(Failure) {
    var all = latest()
    guard all[stage] != key.document else { return }
    all[stage] = key.document
    var object = JSONObject()
    for (name, document) in all.sorted(by: { $0.key < $1.key }) { object[name] = document }
    try AtomicFile.write(JSON.object(object).canonicalBytes, to: latestFile)
  }
}
