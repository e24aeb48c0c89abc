import Bytes
import Foundation

/// Publication of the finished bundle from the store to the user's path.
package enum Artifact {
  /// The effect of publication on the user's file.
  package enum Outcome: Sendable, Equatable {
    case created
    /// The file already had these bytes.
    case unchanged
    case replaced
  }

  /// Checks that `path` can become a file, before hours of work are spent.
  ///
  /// - Returns: the file that symbolic links lead to.
  /// - Throws: `cannotCreate` if `path` is a folder or its folder is missing or read-only.
  @discardableResult
  package static func checkWritable(_ path: String) throws(Failure) -> FileDestination {
    let manager = FileManager.default
    if manager.fileExists(atPath: path + "/.") {
      throw Failure(
        .cannotCreate, file: path, "is a folder", advice: "name a file", reason: .artifactIsFolder)
    }
    let destination = try FileDestination(path)
    let folder = PathNames.parent(destination.path)
    guard manager.fileExists(atPath: folder + "/.") else {
      throw Failure(.cannotCreate, file: path, "there is no folder \(folder)")
    }
    guard manager.isWritableFile(atPath: folder) else {
      throw Failure(.cannotCreate, file: path, "the folder \(folder) can't be written to")
    }
    return destination
  }

  /// Copies `object` to `path` atomically. It is a copy and not a link because the artifact may be
  /// edited in place later, and the store's object must not change. A file that is there already is
  /// locked while it is replaced, and passes its mode and owner on.
  ///
  /// - Parameter mayReplace: throws where the file that is there must be kept.
  /// - Throws: `busy` while another process edits the file that is there.
  package static func publish(
    _ object: StoreObject, from store: Store, to path: String,
    mayReplace: (FileDestination) throws -> Void = { _ in }
  ) throws -> Outcome {
    let destination = try FileDestination(path)
    AtomicFile.sweepTemporaries(of: destination.path)
    if destination.exists {
      if try FileDigest.of(destination.path) == object { return .unchanged }
      // Before the copy, which may take long, and again under the lock.
      try mayReplace(destination)
    }
    let file = try MappedFile(path: store.path(of: object))
    var writer = try AtomicFileWriter(destination)
    var hasher = SHA256Hasher()
    var start = 0
    while start < file.bytes.count {
      let end = min(start + (8 << 20), file.bytes.count)
      if let piece = file.bytes.slice(start..<end) {
        hasher.update(piece)
        try writer.write(piece)
      }
      file.advise(.dontNeed, start..<end)
      start = end
    }
    guard hasher.finish() == object.digest else {
      throw Failure(
        .io, file: store.path(of: object), "changed while it was copied", advice: "run again")
    }
    let lock = try ReplacementLock(destination)
    if lock.exists { try mayReplace(FileDestination(path)) }
    try writer.publish(replacing: lock)
    return lock.exists ? .replaced : .created
  }
}
