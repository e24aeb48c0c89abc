import Glibc

/// An advisory lock held by one process at a time; the kernel drops it when the process ends,
/// however it ends.
public struct FileLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock at `path`, creating the file. `holder` is stored beside the process id, so that
  /// a second process can say who holds it. Throws `busy` where another process does.
  public init(path: String, holder: String = "") throws(Failure) {
    let opened = SystemCall.open(path, O_RDWR | O_CREAT)
    guard opened.value >= 0 else {
      throw SystemCall.creationFailure("the lock can't be created", path, opened.errno)
    }
    let locked = SystemCall.retrying { flock(opened.value, LOCK_EX | LOCK_NB) }
    guard locked.value == 0 else {
      let known = (try? SystemCall.read(opened.value, at: 0, count: 256, path)) ?? []
      close(opened.value)
      throw FileLock.failure(locked.errno, path, String(decoding: known, as: UTF8.self))
    }
    descriptor = opened.value
    let text = Array("process \(getpid())\(holder.isEmpty ? "" : ", " + holder)".utf8)
    // The note is for people; a full disk must not keep anybody from the lock.
    _ = ftruncate(descriptor, 0)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  static func failure(_ code: Int32, _ path: String, _ holder: String) -> Failure {
    guard code == EWOULDBLOCK else {
      return SystemCall.failure("flock", path, code, reading: false)
    }
    let by = holder.isEmpty ? "another process" : holder
    return Failure(
      .busy, file: path, "is in use by \(by)", advice: "wait for it to end, or stop it")
  }

  deinit {
    // Said outright, because closing is not enough while a child process is just being started
    // with a copy of the descriptor.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
