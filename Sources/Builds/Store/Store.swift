import Bytes
import Foundation

/// The work folder of a build: everything that its stages made, in files named by their content.
///
///     store.json            version of this layout
///     lock                  held by the one process that writes
///     objects/<sha256>      what stages made; never changed once there
///     stages/<key>.json     a finished stage: what it read, what it made; written last
///     partial/<key>/…       a stage in the making: what it needs to go on
///     latest.json           the last key of each stage, to say what changed since
///     ledger.jsonl          times and memory; no stage reads it
package final class Store: Sendable {
  package static let layoutVersion = 1

  package let folder: String
  /// Called at each step of publishing, so that tests can end the world there.
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
  /// - Parameter create: makes it where it isn't there. Without, a missing folder is an empty
  ///   store.
  /// - Throws: `cannotCreate`; `invalidData` where the folder holds another version's store, or
  ///   something that is no store at all.
  package convenience init(folder: String, create: Bool) throws {
    try self.init(folder: folder, create: create, fault: { _ in })
  }

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
      // A crash may have come between making the folders and writing the version.
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

  static func readJSON(_ path: String) throws(Failure) -> JSON {
    try JSON(parsing: MappedFile(path: path).bytes, file: path)
  }

  /// Takes the store for writing. Throws `busy` naming the holder.
  func lock() throws(Failure) -> FileLock { try FileLock(path: lockFile) }
}

/// The steps of publishing, in their order.
package enum FaultPoint: String, Sendable, CaseIterable {
  case partialWritten
  case outputWritten
  case objectPlaced
  case markerWritten
  case partialRemoved
}
