import Glibc

/// The lock on a file that is about to be replaced by another: nobody edits it between the decision to
/// replace it and the replacement.
public struct ReplacementLock: ~Copyable {
  /// The file to be replaced, after following symbolic links.
  public let path: String
  /// Whether there is a file to be replaced. If not, none may appear meanwhile.
  public let exists: Bool
  private let descriptor: Int32
  private let identity: FileIdentity?

  /// Locks the file at `destination`, if there is one.
  ///
  /// - Throws: `busy` while another process edits it; `cannotCreate` if it can't be opened.
  public init(_ destination: FileDestination) throws(Failure) {
    path = destination.path
    var opened = SystemCall.open(path, O_RDWR | O_NONBLOCK)
    // A network file system needs a file that may be written to for an exclusive lock; others don't.
    if opened.errno == EACCES || opened.errno == EROFS {
      opened = SystemCall.open(path, O_RDONLY | O_NONBLOCK)
    }
    guard opened.value >= 0 else {
      guard opened.errno == ENOENT else {
        throw Failure(
          .cannotCreate, file: destination.name,
          "can't be opened to be replaced: \(SystemCall.message(opened.errno))")
      }
      (exists, descriptor, identity) = (false, -1, nil)
      return
    }
    let locked = SystemCall.retrying { flock(opened.value, LOCK_EX | LOCK_NB) }
    var status = stat()
    do throws(Failure) {
      guard locked.value == 0 else { throw FileLock.failure(locked.errno, destination.name, "") }
      guard unsafe fstat(opened.value, &status) == 0 else {
        throw SystemCall.failure("fstat", path, errno, reading: false)
      }
      try FileIdentity(status).checkNamed(path)
    } catch {
      close(opened.value)
      throw error
    }
    (exists, descriptor, identity) = (true, opened.value, FileIdentity(status))
  }

  /// Renames the finished file `temporary` to the locked name.
  ///
  /// - Throws: `busy` if another file got the name meanwhile.
  func place(_ temporary: String) throws(Failure) {
    if let identity {
      try identity.checkNamed(path)
    } else if unsafe link(temporary, path) == 0 {
      // Unlike a rename, a link replaces nothing.
      _ = unsafe unlink(temporary)
      return
    } else if errno == EEXIST {
      throw Failure(
        .busy, file: path, "was created by another process meanwhile",
        advice: "run the same command again")
    }
    // Not every file system has hard links.
    guard unsafe rename(temporary, path) == 0 else {
      throw SystemCall.creationFailure("can't be renamed into place", path, errno)
    }
  }

  deinit {
    if descriptor >= 0 {
      // Closing alone doesn't unlock while a child process briefly holds a copy of the descriptor.
      _ = flock(descriptor, LOCK_UN)
      close(descriptor)
    }
  }
}
