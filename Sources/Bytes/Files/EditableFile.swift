import Glibc

/// The file operations that an in-place edit uses. Tests substitute a disk that fills up, or a
/// process that dies between any two calls.
public protocol EditableBytes: ~Copyable {
  /// The file's length in bytes.
  var size: Int { get throws(Failure) }
  /// Reads exactly `count` bytes.
  ///
  /// - Throws: `invalidData` if the file ends first.
  func read(at offset: Int, count: Int) throws(Failure) -> [UInt8]
  mutating func write(_ bytes: [UInt8], at offset: Int) throws(Failure)
  mutating func truncate(to size: Int) throws(Failure)
  /// Makes everything written so far durable.
  mutating func synchronize() throws(Failure)
}

/// A file opened for in-place edits, exclusively locked while it is open.
public struct EditableFile: ~Copyable, EditableBytes {
  /// The file, as it was named.
  public let path: String
  /// The inode, and the size when it was opened.
  public let identity: FileIdentity
  private let descriptor: Int32

  /// Opens and locks the regular file at `path`.
  ///
  /// - Throws: `inputMissing`; `cannotCreate` if the file isn't writable; `busy` while another
  ///   process edits it.
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
    // The file may have been replaced between opening and locking.
    let identity = FileIdentity(status)
    do throws(Failure) {
      try identity.checkNamed(path)
    } catch {
      _ = flock(opened.value, LOCK_UN)
      close(opened.value)
      throw error
    }
    self.path = path
    self.descriptor = opened.value
    self.identity = identity
  }

  /// Checks that the file still has its name: an edit would otherwise change a file that nobody will
  /// find. Another process may rename a file of its own over a locked one at any time.
  ///
  /// - Throws: `busy` if another file has the name, or none.
  public func checkNamed() throws(Failure) { try identity.checkNamed(path) }

  /// Maps the locked file itself, whatever has its name by now.
  public func mapped() throws(Failure) -> MappedFile {
    try MappedFile(descriptor: descriptor, path: path)
  }

  deinit {
    // Closing alone doesn't unlock while a child process briefly holds a copy of the descriptor.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}

extension EditableFile {
  /// The file's length in bytes.
  ///
  /// - Throws: `io` if the system reports an error.
  public var size: Int {
    get throws(Failure) {
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0 else {
        throw SystemCall.failure("fstat", path, errno, reading: false)
      }
      return Int(status.st_size)
    }
  }

  /// Reads exactly `count` bytes from byte `offset` on.
  ///
  /// - Throws: `invalidData` if the file ends first, `io` if the read fails.
  public func read(at offset: Int, count: Int) throws(Failure) -> [UInt8] {
    let bytes = try SystemCall.read(descriptor, at: offset, count: count, path)
    guard bytes.count == count else {
      throw Failure(
        .invalidData, file: path, at: "byte \(offset + bytes.count)", "the file ends here")
    }
    return bytes
  }

  /// Writes `bytes` from byte `offset` on, extending the file if they reach beyond its end.
  ///
  /// - Throws: `io` if the write fails, including on a full disk.
  public mutating func write(_ bytes: [UInt8], at offset: Int) throws(Failure) {
    try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(Failure) in
      try unsafe SystemCall.writeAll(descriptor, UnsafeRawBufferPointer(buffer), at: offset, path)
    }
  }

  /// Shortens the file to `size` bytes.
  ///
  /// - Throws: `io` if the system reports an error.
  public mutating func truncate(to size: Int) throws(Failure) {
    let result = SystemCall.retrying { ftruncate(descriptor, off_t(size)) }
    if result.value != 0 {
      throw SystemCall.failure("truncate", path, result.errno, reading: false)
    }
  }

  /// Makes everything written so far durable.
  ///
  /// - Throws: `io` if the sync fails.
  public mutating func synchronize() throws(Failure) {
    try SystemCall.synchronize(descriptor, path)
  }
}
