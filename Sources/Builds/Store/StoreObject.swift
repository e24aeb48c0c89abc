import Bytes

/// A file of the store, named by the digest of its content.
package struct StoreObject: Sendable, Equatable {
  package let digest: SHA256Digest
  /// The size in bytes.
  package let byteCount: Int

  package init(digest: SHA256Digest, byteCount: Int) {
    self.digest = digest
    self.byteCount = byteCount
  }

  var json: JSON { ["sha256": .string(digest.hex), "bytes": JSON(byteCount)] }

  init(_ json: JSON, file: String) throws(Failure) {
    let hex = try json.required("sha256", as: String.self, file: file)
    guard let digest = SHA256Digest(hex: hex) else {
      throw Failure(
        .invalidData, file: file, at: "key \"sha256\"", "is not a SHA-256 digest",
        advice: "remove the file; its stage then runs again")
    }
    self.digest = digest
    byteCount = try json.required("bytes", as: Int.self, file: file)
  }
}

/// Digests of files, read in pieces of 8 MiB so that a large file doesn't stay in memory.
package enum FileDigest {
  private static let piece = 8 << 20

  /// Returns the digest and size of the file at `path`.
  ///
  /// - Throws: `interrupted` if a stop was requested.
  package static func of(_ path: String) throws(Failure) -> StoreObject {
    let file = try MappedFile(path: path)
    file.advise(.sequential)
    var hasher = SHA256Hasher()
    var start = 0
    while start < file.bytes.count {
      let end = min(start + piece, file.bytes.count)
      if StopSignal.isRequested {
        throw Failure(
          .interrupted, "stopped while checking \(path)",
          advice: "run the same command again to resume")
      }
      if let part = file.bytes.slice(start..<end) { hasher.update(part) }
      file.advise(.dontNeed, start..<end)
      start = end
    }
    return StoreObject(digest: hasher.finish(), byteCount: file.bytes.count)
  }
}
