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
    let store = try Store.existing(folder)
    self.folder = folder
    holder = FileLock.holder(of: store.lockFile)
    let entries = RunLedger(file: store.ledgerFile).entries()
    let latest = try store.latest().sorted {
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
