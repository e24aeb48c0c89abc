import Glibc

/// Durable, all-or-nothing writes of whole files in one call.
public enum AtomicFile {
  /// Puts `bytes` at `path`: either all of them, durably, or the old file stays.
  public static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
    var writer = try AtomicFileWriter(path: path)
    try writer.write(bytes)
    try writer.publish()
  }

  /// Writes `bytes` to `path`, durable and all or nothing.
  /// - Throws: `cannotCreate` or `io`; the old file, if any, is unchanged then.
  public static func write(_ bytes: ByteSlice, to path: String) throws(Failure) {
    var writer = try AtomicFileWriter(path: path)
    try writer.write(bytes)
    try writer.publish()
  }

  /// Writes the UTF-8 bytes of `text` to `path`, durable and all or nothing.
  /// - Throws: `cannotCreate` or `io`; the old file, if any, is unchanged then.
  public static func write(_ text: String, to path: String) throws(Failure) {
    try write(Array(text.utf8), to: path)
  }
}

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

extension AtomicFile {
  /// Removes the temporary neighbours of `path` whose writers are gone: what a process leaves that
  /// was killed before it could publish. Nothing happens where the folder can't be read.
  public static func sweepTemporaries(of path: String) {
    let folder = PathNames.parent(path)
    let prefix = PathNames.last(path) + "."
    for name in names(in: folder) where name.hasPrefix(prefix) && name.hasSuffix(".partial") {
      let middle = name.dropFirst(prefix.count).dropLast(".partial".count).split(separator: "-")
      guard middle.count == 2, let process = Int32(middle[0]), process > 0, Int(middle[1]) != nil,
        !ProcessUsage.isRunning(process)
      else { continue }
      _ = unsafe unlink(folder + "/" + name)
    }
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
        unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      names.append(name)
    }
    return names
  }
}
