import Glibc

/// An advisory lock held by one process at a time; the kernel releases it when the process ends,
/// even by a crash.
public struct FileLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock at `path`, creating the file if necessary.
  ///
  /// - Parameter holder: a description of this process, written to the file with its process ID so
  ///   that the `busy` error of another process can name the holder.
  /// - Throws: `busy` if another process holds the lock; `cannotCreate` if `path` is a symbolic link
  ///   no regular file, or a hard link to other content than a lock's.
  public init(path: String, holder: String = "") throws(Failure) {
    let opened = SystemCall.openOwn(path, O_RDWR | O_CREAT)
    guard opened.value >= 0 else {
      throw SystemCall.ownFileFailure("the lock can't be created", path, opened.errno)
    }
    do throws(Failure) {
      try Self.checkOwn(opened.value, path)
    } catch {
      close(opened.value)
      throw error
    }
    let locked = SystemCall.retrying { flock(opened.value, LOCK_EX | LOCK_NB) }
    guard locked.value == 0 else {
      let known = (try? SystemCall.read(opened.value, at: 0, count: 256, path)) ?? []
      close(opened.value)
      throw FileLock.failure(locked.errno, path, String(decoding: known, as: UTF8.self))
    }
    descriptor = opened.value
    let text = Array("\(ProcessUsage.label)\(holder.isEmpty ? "" : ", " + holder)".utf8)
    // The text only informs users; a full disk must not make locking fail.
    _ = ftruncate(descriptor, 0)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  /// A copied work folder may share its lock file with the original by hard links; other content isn't
  /// touched.
  private static func checkOwn(_ descriptor: Int32, _ path: String) throws(Failure) {
    guard try SystemCall.ownFileNames(descriptor, path) > 1 else { return }
    let known = try SystemCall.read(descriptor, at: 0, count: 256, path)
    guard known.isEmpty || known.starts(with: Self.beginning.utf8) else {
      throw SystemCall.hardLinkFailure(path)
    }
  }

  /// The beginning of a lock file's content.
  private static let beginning = "process "

  static func failure(_ code: Int32, _ path: String, _ holder: String) -> Failure {
    guard code == EWOULDBLOCK else {
      return SystemCall.failure("flock", path, code, reading: false)
    }
    let by = holder.isEmpty ? "another process" : holder
    return Failure(
      .busy, file: path, "is in use by \(by)", advice: "wait for it to end, or stop it")
  }

  deinit {
    // Closing alone doesn't unlock while a child process briefly holds a copy of the descriptor.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
