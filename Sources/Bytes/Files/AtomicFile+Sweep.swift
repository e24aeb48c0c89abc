import Glibc

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
