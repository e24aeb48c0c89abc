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

  /// The record's members without the digest over them.
  private var content: JSONObject {
    let objects = outputs.sorted { $0.key < $1.key }
    var members = JSONObject()
    for (name, object) in objects { members[name] = object.json }
    return [
      "stage": .string(stage), "key": .string(key.digest.hex), "document": key.document,
      "outputs": .object(members), "summary": summary,
    ]
  }

  /// The record with the digest of all its other members, because later stages read its figures.
  var json: JSON {
    var members = content
    members[Self.digestMember] = .string(Self.digest(of: members).hex)
    return .object(members)
  }

  fileprivate static let digestMember = "digest"

  fileprivate static func digest(of members: JSONObject) -> SHA256Digest {
    SHA256Digest(hashing: JSON.object(members).canonicalBytes)
  }

  /// Returns what is wrong with the text of a record, as a clause; nil for nothing. Records of
  /// version 0.1 have no digest, and are checked for everything else.
  fileprivate static func fault(of json: JSON, text: ByteSlice) -> String? {
    guard var members = json.object, json.isCanonical(text) else {
      return "it isn't a JSON object in canonical form"
    }
    let stated = members[digestMember]
    members[digestMember] = nil
    guard Set(members.keys) == ["stage", "key", "document", "outputs", "summary"] else {
      return "its members are \(members.keys.sorted())"
    }
    guard let stated else { return nil }
    let found = digest(of: members).hex
    return stated.string == found ? nil : "its digest is \(found), it says \(stated.canonicalText)"
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
  /// - Throws: what kept the folder of records from being listed.
  func finishedKeys() throws(Failure) -> [SHA256Digest] {
    try Folder.names(in: stagesFolder).compactMap { name in
      name.hasSuffix(".json") ? SHA256Digest(hex: String(name.dropLast(5))) : nil
    }
  }

  /// Returns the failure of a damaged record.
  func damaged(_ digest: SHA256Digest, at place: String? = nil, _ finding: String) -> Failure {
    Failure(
      .invalidData, file: stagesFolder + "/\(digest.hex).json", at: place,
      "the record of a stage is damaged: " + finding,
      advice: "remove the file; its stage then runs again")
  }

  /// Reads the record with this key digest.
  ///
  /// - Throws: `invalidData` if the record is damaged.
  func marker(_ digest: SHA256Digest) throws(Failure) -> StageMarker {
    let path = stagesFolder + "/\(digest.hex).json"
    let text = try MappedFile(path: path).bytes
    do throws(Failure) {
      let json = try JSON(parsing: text, file: path)
      if let fault = StageMarker.fault(of: json, text: text) { throw damaged(digest, fault) }
      let key = StageKey(document: try json.required("document", file: path))
      guard key.digest == digest, json["key"]?.string == digest.hex else {
        throw damaged(digest, "its key has the digest \(key.digest.hex), not that of its name")
      }
      var outputs: [String: StoreObject] = [:]
      for (name, value) in try json.required("outputs", as: JSONObject.self, file: path) {
        outputs[name] = try StoreObject(value, file: path)
      }
      return StageMarker(
        stage: try json.required("stage", as: String.self, file: path), key: key, outputs: outputs,
        summary: try json.required("summary", file: path))
    } catch  where error.kind == .invalidData && error.advice == nil {
      throw damaged(digest, at: error.place, error.finding)
    }
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

  /// Returns the key document of each stage's latest run, finished or not, by stage name; none if the
  /// file is absent or damaged.
  /// - Throws: what kept the file from being read, if it is there.
  func latest() throws(Failure) -> [String: JSON] {
    guard let file = try MappedFile.ifPresent(latestFile),
      let object = (try? JSON(parsing: file.bytes, file: latestFile))?.object
    else { return [:] }
    return Dictionary(Array(zip(object.keys, object.values)), uniquingKeysWith: { $1 })
  }

  /// Records the key of a stage's latest run.
  func setLatest(_ stage: String, _ key: StageKey) throws(Failure) {
    var all = try latest()
    guard all[stage] != key.document else { return }
    all[stage] = key.document
    var object = JSONObject()
    for (name, document) in all.sorted(by: { $0.key < $1.key }) { object[name] = document }
    try AtomicFile.write(JSON.object(object).canonicalBytes, to: latestFile)
  }
}
