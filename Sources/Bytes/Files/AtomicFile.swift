import Glibc

/// Atomic, durable writes of whole files in one call.
public enum AtomicFile {
  /// Replaces the file at `path` with `bytes`, durably; on failure the old file stays.
  public static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
    var writer = try AtomicFileWriter(path: path)
    try writer.write(bytes)
    try writer.publish()
  }

  /// Replaces the file at `path` with `bytes`, durably; on failure the old file stays.
  public static func write(_ bytes: ByteSlice, to path: String) throws(Failure) {
    var writer = try AtomicFileWriter(path: path)
    try writer.write(bytes)
    try writer.publish()
  }

  /// Replaces the file at `path` with `text` in UTF-8, durably; on failure the old file stays.
  public static func write(_ text: String, to path: String) throws(Failure) {
    try write(Array(text.utf8), to: path)
  }

  /// Replaces the user's file at `destination` with `bytes`, durably; its mode and owner stay, and on
  /// failure the old file.
  public static func write(
    _ bytes: [UInt8], to destination: FileDestination
  ) throws(Failure) {
    var writer = try AtomicFileWriter(destination)
    try writer.write(bytes)
    try writer.publish()
  }
}

extension AtomicFile {
  /// Renames the finished file `source` to `path` in the same file system, durably: syncs the
  /// content, renames, then syncs the folder.
  public static func move(_ source: String, to path: String) throws(Failure) {
    let opened = SystemCall.open(source, O_RDONLY)
    guard opened.value >= 0 else {
      throw SystemCall.failure("open", source, opened.errno, reading: true)
    }
    defer { close(opened.value) }
    try SystemCall.synchronize(opened.value, source)
    guard unsafe rename(source, path) == 0 else {
      throw SystemCall.creationFailure("can't be renamed into place", path, errno)
    }
    try SystemCall.synchronizeFolder(of: path)
  }
}
