import Bytes
import Foundation

/// The state of a build, read from its work folder without changing it.
package struct StoreStatus: Sendable {
  /// The state of one stage.
  package struct Stage: Sendable {
    package let name: String
    /// The key's digest in hexadecimal.
    package let key: String
    /// `done`, `unfinished` (it has saved state to resume from) or `pending`.
    package let state: String
    /// The progress of an unfinished stage: "block 12 of 30".
    package let at: String?
    /// The recorded outputs, sorted by name, with sizes in bytes.
    package let outputs: [(name: String, bytes: Int, isPresent: Bool)]
    /// The duration of its last run in seconds; nil if none is recorded.
    package let seconds: Double?
  }

  package let folder: String
  package let stages: [Stage]
  /// The process that is building now; nil if there is none.
  package let holder: String?

  /// Reads the state of the build in `folder`.
  ///
  /// - Parameter order: the stage names in build order, in which the stages are listed; others
  ///   follow.
  /// - Throws: `inputMissing` if `folder` isn't a work folder.
  package init(folder: String, order: [String]) throws {
    guard FileManager.default.fileExists(atPath: folder + "/store.json") else {
      throw Failure(
        .inputMissing, file: folder, "is not a work folder: nothing was built there",
        advice: "name the work folder of the build", reason: .noWorkFolder)
    }
    let store = try Store(folder: folder, create: false)
    self.folder = folder
    holder = Self.holder(store)
    let entries = RunLedger(file: store.ledgerFile).entries()
    let latest = store.latest().sorted {
      let (a, b) = (
        order.firstIndex(of: $0.key) ?? .max, order.firstIndex(of: $1.key) ?? .max
      )
      return a != b ? a < b : $0.key < $1.key
    }
    stages = try latest.map { name, document in
      let key = StageKey(document: document)
      let marker = try store.marker(for: key)
      let partial = PartialStatus(store, key: key.digest)
      let last = entries.last {
        $0["stage"]?.string == name && $0["key"]?.string == key.short && $0["outcome"] != nil
      }
      let outputs = (marker?.outputs ?? [:]).sorted { $0.key < $1.key }.map {
        (
          name: $0.key, bytes: $0.value.byteCount,
          isPresent: FileManager.default.fileExists(atPath: store.path(of: $0.value))
        )
      }
      let state =
        marker == nil
        ? (partial == nil ? "pending" : "unfinished")
        : outputs.allSatisfy(\.isPresent) ? "done" : "pending"
      return Stage(
        name: name, key: key.digest.hex, state: state, at: marker == nil ? partial?.text : nil,
        outputs: outputs, seconds: last?["seconds"]?.double)
    }
  }

  private static func holder(_ store: Store) -> String? {
    guard let file = try? MappedFile(path: store.lockFile), file.bytes.count <= 256 else {
      return nil
    }
    let text = String(decoding: file.bytes.array, as: UTF8.self)
    let digits = text.drop { !$0.isNumber }.prefix { $0.isNumber }
    guard let process = Int32(digits), ProcessUsage.isRunning(process) else { return nil }
    return text
  }

  package var json: JSON {
    [
      "folder": .string(folder), "running": holder.map { .string($0) } ?? .null,
      "stages": .array(
        stages.map { stage in
          [
            "stage": .string(stage.name), "key": .string(stage.key), "state": .string(stage.state),
            "at": stage.at.map { .string($0) } ?? .null,
            "seconds": stage.seconds.map { .number($0) } ?? .null,
            "outputs": .array(
              stage.outputs.map {
                ["name": .string($0.name), "bytes": JSON($0.bytes), "present": .bool($0.isPresent)]
              }),
          ]
        }),
    ]
  }
}
