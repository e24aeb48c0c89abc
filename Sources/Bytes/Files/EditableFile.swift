import Glibc

/// Storage that can be edited in place: the operations that an edit needs from a file, so that
/// tests can simulate a disk that fills up or a process that dies between any two calls.
public protocol EditableBytes: ~Copyable {
  var size: Int { get throws(Failure) }
  /// Exactly `count` bytes; throws `invalidData` where the content ends before.
  func read(at offset: Int, count: Int) throws(Failure) -> [UInt8]
  mutating func write(_ bytes: [UInt8], at offset: Int) throws(Failure)
  mutating func truncate(to size: Int) throws(Failure)
  /// Returns once everything written so far is durable.
  mutating func synchronize() throws(Failure)
}

/// A file opened for changes in place, under an exclusive lock for as long as it is open.
public struct EditableFile: ~Copyable, EditableBytes {
  /// The file, as it was named.
  public let path: String
  private let descriptor: Int32

  /// Throws `inputMissing`, `cannotCreate` for a file that may not be written, `busy` while another
  /// process edits it.
  public init(path: String) throws(Failure) {
    let opened = SystemCall.open(path, O_RDWR | O_NONBLOCK)
    guard opened.value >= 0 else {
      if opened.errno == EACCES || opened.errno == EROFS {
        throw Failure(
          .cannotCreate, file: path, "can't be changed: \(SystemCall.message(opened.errno))")
      }
      throw SystemCall.failure("open", path, opened.errno, reading: true)
    }
    var status = stat()
    guard unsafe fstat(opened.value, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(opened.value)
      throw Failure(.inputMissing, file: path, "is not a regular file")
    }
    let locked = SystemCall.retrying { flock(opened.value, LOCK_EX | LOCK_NB) }
    guard locked.value == 0 else {
      close(opened.value)
      throw FileLock.failure(locked.errno, path, "")
    }
    // The file may have been replaced between opening and locking: what would be changed then is no
    // longer the one of this name.
    var named = stat()
    guard unsafe stat(path, &named) == 0, named.st_dev == status.st_dev,
      named.st_ino == status.st_ino
    else {
      _ = flock(opened.value, LOCK_UN)
      close(opened.value)
      throw Failure(
        .busy, file: path, "was replaced just now", advice: "run the same command again")
    }
    self.path = path
    self.descriptor = opened.value
  }

  deinit {
    // As in `FileLock`: a child process may hold a copy of the descriptor for a moment.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}

extension EditableFile {
  /// Bytes of the file.
  /// - Throws: `io` where the system doesn't tell.
  public var size: Int {
    get throws(Failure) {
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0 else {
        throw SystemCall.failure("fstat", path, errno, reading: false)
      }
      return Int(status.st_size)
    }
  }

  /// Exactly `count` bytes from `offset` on.
  /// - Throws: `invalidData` where the file ends before them, `io` where the system refuses.
  public func read(at offset: Int, count: Int) throws(Failure) -> [UInt8] {
    let bytes = try SystemCall.read(descriptor, at: offset, count: count, path)
    guard bytes.count == count else {
      throw Failure(
        .invalidData, file: path, at: "byte \(offset + bytes.count)", "the file ends here")
    }
    return bytes
  }

  /// Overwrites the bytes from `offset` on, and extends the file if they reach beyond its end.
  /// - Throws: `io` where the system refuses, a full disk included.
  public mutating func write(_ bytes: [UInt8], at offset: Int) throws(Failure) {
    try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(Failure) in
      try unsafe SystemCall.writeAll(descriptor, UnsafeRawBufferPointer(buffer), at: offset, path)
    }
  }

  /// Drops all bytes from `size` on.
  /// - Throws: `io` where the system refuses.
  public mutating func truncate(to size: Int) throws(Failure) {
    let result = SystemCall.retrying { ftruncate(descriptor, off_t(size)) }
    if result.value != 0 {
      throw SystemCall.failure("truncate", path, result.errno, reading: false)
    }
  }

  /// Returns once everything written so far is durable.
  /// - Throws: `io` where the system refuses.
  public mutating func synchronize() throws(Failure) {
    try SystemCall.synchronize(descriptor, path)
  }
}
