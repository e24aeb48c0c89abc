import Glibc

extension AtomicFile {
  /// Removes the temporary files of `path` whose writers don't live any more: those that can be
  /// locked. Does nothing if the folder can't be read.
  ///
  /// Those of earlier versions, `NAME.PROCESS-NUMBER.partial`, are judged in the same way. Their
  /// writers took no lock, so that one that still runs fails when it renames its file.
  public static func sweepTemporaries(of path: String) {
    let prefix = PathNames.last(path) + "."
    sweep(PathNames.parent(path)) { name in
      guard name.hasPrefix(prefix), name.hasSuffix(TemporaryFile.suffix) else { return false }
      return isTemporary(name.dropFirst(prefix.count).dropLast(TemporaryFile.suffix.count))
    }
  }

  /// Removes all temporary files in `folder` whose writers don't live any more; returns their sizes
  /// in bytes by name.
  ///
  /// - Parameter removes: whether to remove them; if false, they are only listed.
  @discardableResult
  package static func sweepTemporaries(
    in folder: String, removes: Bool = true
  ) -> [(name: String, bytes: Int)] {
    sweep(folder, removes: removes) { $0.hasSuffix(TemporaryFile.suffix) }
  }

  /// Whether the part of a name between the target's and the suffix is that of a temporary file: 16
  /// hexadecimal digits, or two numbers in earlier versions.
  private static func isTemporary(_ middle: Substring) -> Bool {
    if middle.utf8.count == 16, middle.allSatisfy({ $0.isHexDigit && $0.isASCII }) { return true }
    let numbers = middle.split(separator: "-", omittingEmptySubsequences: false)
    return numbers.count == 2 && numbers.allSatisfy { !$0.isEmpty && Int($0) != nil }
  }

  @discardableResult
  private static func sweep(
    _ folder: String, removes: Bool = true, where isTemporary: (String) -> Bool
  ) -> [(name: String, bytes: Int)] {
    var swept: [(name: String, bytes: Int)] = []
    for name in (try? Folder.names(in: folder)) ?? [] where isTemporary(name) {
      let path = folder + "/" + name
      let opened = SystemCall.open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
      guard opened.value >= 0 else { continue }
      defer { close(opened.value) }
      var status = stat()
      guard unsafe fstat(opened.value, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        SystemCall.retrying({ flock(opened.value, LOCK_EX | LOCK_NB) }).value == 0
      else { continue }
      defer { _ = flock(opened.value, LOCK_UN) }
      // Between the listing and the lock, its writer may have given the file its final name.
      guard TemporaryFile.isNamed(path, opened.value) else { continue }
      if removes { guard unsafe unlink(path) == 0 else { continue } }
      swept.append((name, Int(status.st_size)))
    }
    return swept
  }
}
