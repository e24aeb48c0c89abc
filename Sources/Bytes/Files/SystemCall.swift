import Glibc

/// Wrappers of system calls, which retry on EINTR and throw errors that name the file and the call.
enum SystemCall {
  /// Repeats `body` while it fails with EINTR. Returns its value and 0, or -1 and `errno`.
  static func retrying<T: SignedInteger>(_ body: () -> T) -> (value: T, errno: Int32) {
    while true {
      let value = body()
      if value != -1 { return (value, 0) }
      if errno != EINTR { return (-1, errno) }
    }
  }

  /// Returns the system's message for the error `code`.
  static func message(_ code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }

  /// Returns the failure of `call` on `path`: `inputMissing` for a missing or forbidden file when
  /// `reading`, `io` otherwise.
  static func failure(_ call: String, _ path: String, _ code: Int32, reading: Bool) -> Failure {
    let text = message(code)
    if code == ENOMEM {
      return Failure(
        .outOfMemory, file: path, "\(call) failed: \(text)",
        advice: "raise the limit (ulimit -v, or the container's), or use less memory and threads")
    }
    if reading && (code == ENOENT || code == ENOTDIR || code == EACCES) {
      return Failure(.inputMissing, file: path, "can't be opened: \(text)")
    }
    if code == ENOSPC || code == EDQUOT {
      return Failure(
        .io, file: path, "\(call) failed: \(text)", advice: "free some space and run again")
    }
    return Failure(.io, file: path, "\(call) failed: \(text)")
  }

  /// Returns the failure to create or rename `path`: `io` if the disk is full, `cannotCreate`
  /// otherwise.
  static func creationFailure(_ finding: String, _ path: String, _ code: Int32) -> Failure {
    let isFull = code == ENOSPC || code == EDQUOT || code == EIO
    return Failure(
      isFull ? .io : .cannotCreate, file: path, "\(finding): \(message(code))",
      advice: isFull ? "free some space and run again" : nil)
  }

  /// Opens `path` with close-on-exec. Returns the descriptor and 0, or -1 and `errno`.
  static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o644) -> (
    value: Int32, errno: Int32
  ) {
    retrying { unsafe Glibc.open(path, flags | O_CLOEXEC, mode) }
  }

  /// Makes the content of the open file `descriptor` durable.
  static func synchronize(_ descriptor: Int32, _ path: String) throws(Failure) {
    let result = retrying { fsync(descriptor) }
    if result.value != 0 { throw failure("fsync", path, result.errno, reading: false) }
  }

  /// Makes the creation or renaming of `path` durable by syncing its folder. Errors name `path`: the
  /// folder of a bare name would be `.`.
  static func synchronizeFolder(of path: String) throws(Failure) {
    let folder = PathNames.parent(path)
    let opened = open(folder, O_RDONLY | O_DIRECTORY)
    guard opened.value >= 0 else {
      throw failure("opening its folder", path, opened.errno, reading: false)
    }
    defer { close(opened.value) }
    let result = retrying { fsync(opened.value) }
    // Some network file systems can't sync folders; a rename there is already durable.
    if result.value != 0 && result.errno != EINVAL && result.errno != EROFS {
      throw failure("fsync of its folder", path, result.errno, reading: false)
    }
  }
}

extension SystemCall {
  /// Writes all of `bytes` at byte `offset`, in several calls if the kernel writes only a part.
  static func writeAll(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int, _ path: String
  ) throws(Failure) {
    var done = 0
    while done < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
      let result = retrying {
        unsafe pwrite(descriptor, rest.baseAddress, min(rest.count, 1 << 30), off_t(offset + done))
      }
      guard result.value > 0 else { throw failure("write", path, result.errno, reading: false) }
      done += result.value
    }
  }

  /// Reads the bytes `offset..<offset + count`; fewer if the file ends first.
  static func read(
    _ descriptor: Int32, at offset: Int, count: Int, _ path: String
  ) throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        retrying {
          unsafe pread(
            descriptor, buffer.baseAddress.map { unsafe $0 + done }, count - done,
            off_t(offset + done))
        }
      }
      guard result.value >= 0 else { throw failure("read", path, result.errno, reading: false) }
      if result.value == 0 { break }
      done += result.value
    }
    bytes.removeLast(count - done)
    return bytes
  }
}
