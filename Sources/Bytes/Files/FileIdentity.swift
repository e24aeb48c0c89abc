import Glibc

/// Inode, size and times of a file: equal at two moments if the file wasn't written to in between.
public struct FileIdentity: Sendable, Hashable {
  /// The number of the file system.
  public let device: UInt64
  /// The number of the file in its file system.
  public let inode: UInt64
  /// Bytes of the file.
  public let size: Int
  /// Nanoseconds; the change time can't be set back by a program.
  public let modified: Int64
  /// Nanoseconds since 1970 of the last change of content or attributes.
  public let changed: Int64

  /// Whether both are the same inode, under whatever names and after whatever writes.
  public func isSameFile(as other: FileIdentity) -> Bool {
    device == other.device && inode == other.inode
  }

  /// Throws `inputMissing` where there is no such file.
  public init(path: String) throws(Failure) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      throw SystemCall.failure("stat", path, errno, reading: true)
    }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
  }
}
