import Glibc

extension FileLock {
  /// Returns what the holder of the lock at `path` wrote of itself; nil if nobody holds the lock.
  ///
  /// Asked is the lock, not the text: a process number there may be that of another container.
  package static func holder(of path: String) -> String? {
    let opened = SystemCall.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    guard opened.value >= 0 else { return nil }
    defer { close(opened.value) }
    let tried = SystemCall.retrying { flock(opened.value, LOCK_SH | LOCK_NB) }
    guard tried.value != 0, tried.errno == EWOULDBLOCK else {
      _ = flock(opened.value, LOCK_UN)
      return nil
    }
    let text = (try? SystemCall.read(opened.value, at: 0, count: 256, path)) ?? []
    return text.isEmpty ? "another process" : String(decoding: text, as: UTF8.self)
  }
}
