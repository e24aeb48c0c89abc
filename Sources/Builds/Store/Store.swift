import Bytes
import Foundation

/// The work folder of a build: a content-addressed store of its stages' outputs.
///
///     store.json            version of this layout
///     lock                  held by the one process that writes
///     objects/<sha256>      outputs of stages; never changed once written
///     stages/<key>.json     record of a finished stage: its inputs and outputs; written last
///     partial/<key>/…       saved state of an unfinished stage, to resume from
///     latest.json           last key of each stage, to report what changed since
///     ledger.jsonl          log of times and memory; no stage reads it
package final class Store: Sendable {
  /// The version of the work folder's layout.
  package static let layoutVersion = 1

  package let folder: String
  /// A hook called at each step of publishing, at which tests simulate a crash by throwing.
  package let fault: @Sendable (FaultPoint) throws -> Void

  var objectsFolder: String { folder + "/objects" }
  var stagesFolder: String { folder + "/stages" }
  var partialFolder: String { folder + "/partial" }
  var versionFile: String { folder + "/store.json" }
  var latestFile: String { folder + "/latest.json" }
  var ledgerFile: String { folder + "/ledger.jsonl" }
  var lockFile: String { folder + "/lock" }

  /// Opens the work folder `folder`.
  ///
  /// - Parameter create: whether to create a missing folder; if false, a missing folder is read as
  ///   an empty store.
  /// - Throws: `cannotCreate` if `folder` can't be created or contains other files; `invalidData`
  ///   if it has another version's layout.
  package convenience init(folder: String, create: Bool) throws {
    try self.init(folder: folder, create: create, fault: { _ in })
  }

  /// Opens the work folder `folder`, with a hook for simulated crashes.
  package init(
    folder: String, create: Bool, fault: @escaping @Sendable (FaultPoint) throws -> Void
  ) throws {
    self.folder = folder
    self.fault = fault
    let manager = FileManager.default
    if manager.fileExists(atPath: versionFile) {
      try checkVersion()
    } else if create {
      let found = (try? manager.contentsOfDirectory(atPath: folder)) ?? []
      // A crash may have left the folders without the version file.
      let own = ["objects", "stages", "partial", "lock"]
      guard found.allSatisfy({ own.contains($0) || $0.hasPrefix("store.json.") }) else {
        throw Failure(
          .cannotCreate, file: folder,
          "is not a work folder and not empty (it holds \(found.sorted()[0]))",
          advice: "name another folder", reason: .foreignWorkFolder)
      }
    }
    guard create else { return }
    for path in [folder, objectsFolder, stagesFolder, partialFolder] {
      try Folder.create(path)
    }
    if !manager.fileExists(atPath: versionFile) {
      try AtomicFile.write(
        JSON.object(["store": JSON(Store.layoutVersion)]).canonicalBytes, to: versionFile)
    }
  }

  private func checkVersion() throws(Failure) {
    let json = try Store.readJSON(versionFile)
    let found = try json.required("store", as: Int.self, file: versionFile)
    guard found == Store.layoutVersion else {
      throw Failure(
        .invalidData, file: versionFile, at: "key \"store\"",
        "the work folder has layout \(found), this program writes \(Store.layoutVersion)",
        advice: "remove this one, or name another folder", reason: .workFolderLayout)
    }
  }

  /// Reads and parses the JSON file at `path`.
  static func readJSON(_ path: String) throws(Failure) -> JSON {
    try JSON(parsing: MappedFile(path: path).bytes, file: path)
  }

  /// Locks the store for writing.
  ///
  /// - Throws: `busy` naming the process that holds the lock.
  func lock() throws(Failure) -> FileLock {
    do throws(Failure) {
      return try FileLock(path: lockFile)
    } catch  where error.kind == .busy {
      // `StoreStatus` asks the lock for its holder, and has it for a moment.
      usleep(50_000)
      return try FileLock(path: lockFile)
    }
  }
}

/// The steps of publishing, in order, at which tests simulate a crash.
package enum FaultPoint: String, Sendable, CaseIterable {
  case partialWritten
  case outputWritten
  case objectPlaced
  case markerWritten
  case partialRemoved
}
