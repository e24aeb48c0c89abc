import Bytes
import Foundation

extension Store {
  /// Returns the path of an object's file.
  package func path(of object: StoreObject) -> String { objectsFolder + "/" + object.digest.hex }

  /// Moves a finished file into the store, named by its digest.
  func ingest(_ file: String) throws -> StoreObject {
    let object = try FileDigest.of(file)
    try fault(.outputWritten)
    try AtomicFile.move(file, to: path(of: object))
    try fault(.objectPlaced)
    return object
  }

  /// Writes `bytes` into the store, named by their digest.
  func ingest(_ bytes: [UInt8]) throws -> StoreObject {
    let object = StoreObject(digest: SHA256Digest(hashing: bytes), byteCount: bytes.count)
    try fault(.outputWritten)
    try AtomicFile.write(bytes, to: path(of: object))
    try fault(.objectPlaced)
    return object
  }

  /// The result of verifying an object.
  enum ObjectState: Equatable {
    case good
    case missing
    /// The content doesn't match; a clause says how.
    case damaged(String)
  }

  /// Verifies an object by reading it completely and comparing its size and digest.
  func check(_ object: StoreObject) throws(Failure) -> ObjectState {
    let path = path(of: object)
    guard FileManager.default.fileExists(atPath: path) else { return .missing }
    let found = try FileDigest.of(path)
    if found.byteCount != object.byteCount {
      return .damaged("holds \(found.byteCount) bytes instead of \(object.byteCount)")
    }
    if found.digest != object.digest {
      return .damaged("has SHA-256 \(found.digest.hex) instead of \(object.digest.hex)")
    }
    return .good
  }

  /// Removes the remains of a crash: temporary files, and objects that no finished stage refers to.
  /// Objects stay while a record can't be read, because it may refer to them. The caller must hold
  /// the lock.
  func sweep() throws {
    let manager = FileManager.default
    for folder in [folder, objectsFolder, stagesFolder] {
      AtomicFile.sweepTemporaries(in: folder)
    }
    var wanted: Set<String> = []
    for key in try finishedKeys() {
      guard let marker = try? marker(key) else { return }
      for object in marker.outputs.values { wanted.insert(object.digest.hex) }
    }
    for name in (try? manager.contentsOfDirectory(atPath: objectsFolder)) ?? []
    where !wanted.contains(name) && !name.hasSuffix(".partial") {
      try? manager.removeItem(atPath: objectsFolder + "/" + name)
    }
  }

  /// Removes the saved state of all unfinished stages, including those of abandoned recipes, after
  /// a complete build. The caller must hold the lock.
  func discardPartials() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: partialFolder)) ?? [] {
      try? FileManager.default.removeItem(atPath: partialFolder + "/" + name)
    }
  }
}
