import Glibc

extension AtomicFile {
  /// Puts the finished file `source` at `path` in the same file system, durably: content first,
  /// then the name, then the folder.
  public static func move(_ source: String, to path: String) throws(Failure) {
    let opened = SystemCall.open(source, O_RDONLY)
    guard opened.value >= 0 else {
      throw SystemCall.failure("open", source, opened.errno, reading: true)
    }
    defer { close(opened.value) }
    try SystemCall.synchronize(opened.value, source)
    guard unsafe rename(source, path) == 0 else {
      throw SystemCall.creationFailure("can't be put in place", path, errno)
    }
    try SystemCall.synchronizeFolder(of: path)
  }
}

/// Folders, made with errors that say what stood in the way.
public enum Folder {
  /// Makes the folder `path` and those above it; it may be there already. Throws `io` where the
  /// disk is full, `cannotCreate` otherwise.
  public static func create(_ path: String) throws(Failure) {
    if unsafe mkdir(path, 0o777) == 0 { return }
    let code = errno
    var status = stat()
    if code == EEXIST, unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      return
    }
    guard code == ENOENT, PathNames.parent(path) != path, PathNames.parent(path) != "."
    else {
      throw SystemCall.creationFailure("the folder can't be created", path, code)
    }
    try create(PathNames.parent(path))
    guard unsafe mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw SystemCall.creationFailure("the folder can't be created", path, errno)
    }
  }
}

/// What the file system says about a file; equal twice means that nobody wrote to it in between.
public struct FileIdentity: Sendable, Hashable {
  public let device: UInt64
  public let inode: UInt64
  public let size: Int
  /// Nanoseconds; the change time can't be set back by a program.
  public let modified: Int64
  public let changed: Int64

  /// Whether both are one file, whatever it is called and was written to in between.
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
