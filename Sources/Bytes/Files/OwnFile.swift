import Glibc

/// Files of the program's own in a folder that others may write to: locks, logs, scratch files.
///
/// They are never opened through a symbolic link, which would change a file elsewhere that the link's
/// maker chose.
package enum OwnFile {
  /// Appends `text` in UTF-8 to the file at `path` in one write, creating it if necessary.
  ///
  /// - Throws: `cannotCreate` if `path` is a symbolic link or no file of its own; `io`.
  package static func append(_ text: String, to path: String) throws(Failure) {
    let opened = SystemCall.openOwn(path, O_WRONLY | O_CREAT | O_APPEND)
    guard opened.value >= 0 else {
      throw SystemCall.ownFileFailure("can't be created", path, opened.errno)
    }
    defer { close(opened.value) }
    try SystemCall.checkOwn(opened.value, path)
    let bytes = Array(text.utf8)
    let written = unsafe bytes.withUnsafeBytes { buffer in
      SystemCall.retrying { unsafe Glibc.write(opened.value, buffer.baseAddress, buffer.count) }
    }
    guard written.value == bytes.count else {
      throw SystemCall.failure("write", path, written.errno, reading: false)
    }
  }
}

extension SystemCall {
  /// Opens a file of the program's own: not through a symbolic link, and without waiting for the other
  /// end of a named pipe. Returns the descriptor and 0, or -1 and `errno`, ELOOP for a link.
  static func openOwn(_ path: String, _ flags: Int32) -> (value: Int32, errno: Int32) {
    open(path, flags | O_NOFOLLOW | O_NONBLOCK)
  }

  /// Returns the failure of `openOwn`, which names a symbolic link as such.
  static func ownFileFailure(_ finding: String, _ path: String, _ code: Int32) -> Failure {
    guard code == ELOOP else { return creationFailure(finding, path, code) }
    return Failure(
      .cannotCreate, file: path,
      "\(finding): it is a symbolic link, and what the link leads to would be"
        + " changed", advice: "remove the link")
  }

  /// Checks that an open file is a regular one.
  static func checkOwn(_ descriptor: Int32, _ path: String) throws(Failure) {
    _ = try ownFileNames(descriptor, path)
  }

  /// Returns the number of names (hard links) of an open file, after checking that it is a regular one.
  static func ownFileNames(_ descriptor: Int32, _ path: String) throws(Failure) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw failure("fstat", path, errno, reading: false)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(
        .cannotCreate, file: path, "is not a regular file", advice: "remove it, and run again")
    }
    return Int(status.st_nlink)
  }

  /// Returns the failure of a file of the program's own whose content has another name too.
  static func hardLinkFailure(_ path: String) -> Failure {
    Failure(
      .cannotCreate, file: path, "is a hard link: the content of its other name would be changed",
      advice: "remove it, and run again")
  }
}
