import Bytes
import Foundation

/// The record of a finished stage, written after all its outputs are durable.
package struct StageMarker: Sendable, Equatable {
  package let stage: String
  package let key: StageKey
  /// The outputs by name.
  package let outputs: [String: StoreObject]
  /// Figures reported by the stage, for display and for later stages.
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
  /// Returns the store object of `output`; nil if its stage isn't in the array or didn't make it.
  package func object(of output: StageOutput) -> StoreObject? {
    first { $0.stage == output.stage }?.outputs[output.name]
  }
}

extension Store {
  private func markerFile(_ key: StageKey) -> String { stagesFolder + "/\(key.digest.hex).json" }

  /// Returns the key digests of all finished stages, in no particular order.
  func finishedKeys() -> [SHA256Digest] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: stagesFolder)) ?? []
    return names.compactMap { name in
      name.hasSuffix(".json") ? SHA256Digest(hex: String(name.dropLast(5))) : nil
    }
  }

  /// Reads the record with this key digest.
  ///
  /// - Throws: `invalidData` if the record doesn't match the digest in its name.
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

  /// Returns the record of the stage with this key; nil if it hasn't finished.
  func marker(for key: StageKey) throws(Failure) -> StageMarker? {
    guard FileManager.default.fileExists(atPath: markerFile(key)) else { return nil }
    return try marker(key.digest)
  }

  /// Writes the record durably, which makes the stage finished.
  func write(_ marker: StageMarker) throws {
    try AtomicFile.write(marker.json.canonicalBytes, to: markerFile(marker.key))
    try fault(.markerWritten)
  }

  /// Returns the key document of each stage's latest run, finished or not, by stage name.
  func latest() -> [String: JSON] {
    guard let object = (try? Store.readJSON(latestFile))?.object else { return [:] }
    return Dictionary(Array(zip(object.keys, object.values)), uniquingKeysWith: { $1 })
  }

  /// Records the key of a stage's latest run.
  func setLatest(_ stage: String, _ key: StageKey) throws(Failure) {
    var all = latest()
    guard all[stage] != key.document else { return }
    all[stage] = key.document
    var object = JSONObject()
    for (name, document) in all.sorted(by: { $0.key < $1.key }) { object[name] = document }
    try AtomicFile.write(JSON.object(object).canonicalBytes, to: latestFile)
  }
}
