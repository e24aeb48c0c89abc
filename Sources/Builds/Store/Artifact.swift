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
  /// - Throws: `cannotCreate` if `path` is a folder or its folder is missing or read-only.
  package static func checkWritable(_ path: String) throws(Failure) {
    let manager = FileManager.default
    if manager.fileExists(atPath: path + "/.") {
      throw Failure(
        .cannotCreate, file: path, "is a folder", advice: "name a file", reason: .artifactIsFolder)
    }
    let folder = PathNames.parent(path)
    guard manager.fileExists(atPath: folder + "/.") else {
      throw Failure(.cannotCreate, file: path, "there is no folder \(folder)")
    }
    guard manager.isWritableFile(atPath: folder) else {
      throw Failure(.cannotCreate, file: path, "the folder \(folder) can't be written to")
    }
  }

  /// Copies `object` to `path` atomically. It is a copy and not a link because the artifact may be
  /// edited in place later, and the store's object must not change.
  package static func publish(
    _ object: StoreObject, from store: Store, to path: String
  ) throws -> Outcome {
    AtomicFile.sweepTemporaries(of: path)
    let exists = FileManager.default.fileExists(atPath: path)
    if exists, try FileDigest.of(path) == object { return .unchanged }
    let file = try MappedFile(path: store.path(of: object))
    var writer = try AtomicFileWriter(path: path)
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
    try writer.publish()
    return exists ? .replaced : .created
  }
}
