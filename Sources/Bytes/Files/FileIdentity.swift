import Glibc

/// A file's inode, size and timestamps; they are unchanged if the file wasn't written in between.
public struct FileIdentity: Sendable, Hashable {
  /// The device ID of the file system.
  public let device: UInt64
  /// The inode number.
  public let inode: UInt64
  /// The length in bytes.
  public let size: Int
  /// The modification time (mtime) in nanoseconds since 1970.
  public let modified: Int64
  /// The inode change time (ctime) in nanoseconds since 1970; programs can't set it back.
  public let changed: Int64

  /// Returns whether both are the same inode, regardless of names and writes.
  public func isSameFile(as other: FileIdentity) -> Bool {
    device == other.device && inode == other.inode
  }

  /// Reads the identity of the file at `path`.
  ///
  /// - Throws: `inputMissing` if there is no such file.
  public init(path: String) throws(Failure) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      throw SystemCall.failure("stat", path, errno, reading: true)
    }
    self.init(status)
  }

  /// Throws `busy` if another file has the name `path` by now, or none.
  func checkNamed(_ path: String) throws(Failure) {
    guard let named = try? FileIdentity(path: path), named.isSameFile(as: self) else {
      throw Failure(
        .busy, file: path, "was replaced by another file meanwhile",
        advice: "run the same command again")
    }
  }

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
  }
}
