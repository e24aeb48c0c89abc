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
