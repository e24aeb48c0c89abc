import Glibc

/// A new file `NAME.RANDOM.partial` beside `NAME`, locked (flock) for as long as its writer lives.
///
/// A random number tells the files of several writers apart. Process numbers don't: in containers
/// every process may be number 1, and a number says nothing about another container's.
@safe struct TemporaryFile {
  let path: String
  let descriptor: Int32

  /// The end of a temporary file's name.
  static let suffix = ".partial"

  /// Creates and locks a temporary file beside `target` with the permissions `mode`.
  ///
  /// - Throws: `cannotCreate` if the folder doesn't allow a new file; `io` if the disk is full.
  init(of target: String, mode: mode_t) throws(Failure) {
    // A sweep may lock a file between its creation and its locking; another is made then. This one
    // is removed here, because a sweep that only looks doesn't.
    for _ in 0..<100 {
      let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
      let number = String(repeating: "0", count: 16 - digits.count) + digits
      let path = target + "." + number + Self.suffix
      let opened = SystemCall.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
      if opened.value < 0 && opened.errno == EEXIST { continue }
      guard opened.value >= 0 else {
        throw SystemCall.creationFailure("can't be created", target, opened.errno)
      }
      let locked = SystemCall.retrying { flock(opened.value, LOCK_EX | LOCK_NB) }
      // Some network file systems have no locks: nothing is swept there, and random names differ.
      let isHeld = locked.value == 0 || locked.errno != EWOULDBLOCK
      if isHeld, Self.isNamed(path, opened.value) {
        self.path = path
        self.descriptor = opened.value
        return
      }
      if Self.isNamed(path, opened.value) { unsafe unlink(path) }
      close(opened.value)
    }
    throw Failure(
      .busy, file: target, "its temporary files are removed as fast as they are made",
      advice: "run the same command again")
  }

  /// Gives the lock up. Closing alone doesn't while a child process briefly holds a copy of the
  /// descriptor.
  func unlock() { _ = flock(descriptor, LOCK_UN) }

  /// Whether the open file `descriptor` has the name `path`, without following links.
  static func isNamed(_ path: String, _ descriptor: Int32) -> Bool {
    var (open, named) = (stat(), stat())
    guard unsafe fstat(descriptor, &open) == 0, unsafe lstat(path, &named) == 0 else {
      return false
    }
    return open.st_dev == named.st_dev && open.st_ino == named.st_ino
  }
}
