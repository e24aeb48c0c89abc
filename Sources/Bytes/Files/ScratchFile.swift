import Glibc

/// A file of a fixed size that is mapped to be read and written: memory that the system may take
/// back whenever it is short, because the file holds what was written.
///
/// Writing from several threads is safe where they write different bytes.
@safe public final class ScratchFile: @unchecked Sendable {
  public let path: String
  /// Bytes of the file and of the mapped memory.
  public let byteCount: Int
  private let descriptor: Int32
  private let memory: UnsafeMutableRawPointer

  /// The file at `path`, made where it isn't there and brought to `byteCount` (> 0) bytes; new
  /// bytes are 0.
  ///
  /// - Throws: `cannotCreate`, or `io` where the disk has no room for all of it: a mapped file that
  ///   only then finds the disk full ends the program.
  public init(path: String, byteCount: Int) throws(Failure) {
    precondition(byteCount > 0, "a scratch file of \(byteCount) bytes")
    let opened = SystemCall.open(path, O_RDWR | O_CREAT)
    guard opened.value >= 0 else {
      throw SystemCall.creationFailure("can't be created", path, opened.errno)
    }
    self.path = path
    self.byteCount = byteCount
    descriptor = opened.value
    do throws(Failure) {
      try Self.resize(opened.value, to: byteCount, path)
      let address = unsafe mmap(
        nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, opened.value, 0)
      guard let address = unsafe address, unsafe address != MAP_FAILED else {
        throw SystemCall.failure("mmap", path, errno, reading: false)
      }
      unsafe memory = address
    } catch {
      close(opened.value)
      throw error
    }
  }

  private static func resize(_ descriptor: Int32, to size: Int, _ path: String) throws(Failure) {
    let cut = SystemCall.retrying { ftruncate(descriptor, off_t(size)) }
    if cut.value != 0 { throw SystemCall.failure("truncate", path, cut.errno, reading: false) }
    var code: Int32
    repeat { code = posix_fallocate(descriptor, 0, off_t(size)) } while code == EINTR
    if code != 0 { throw SystemCall.failure("allocate", path, code, reading: false) }
  }

  deinit {
    _ = unsafe munmap(memory, byteCount)
    close(descriptor)
  }

  /// The first byte, at the start of a page. The file must outlive the pointer's use.
  @unsafe public var start: UnsafeMutableRawPointer { unsafe memory }

  /// The bytes as they are now, to be read while no thread writes.
  public var bytes: ByteSlice {
    unsafe ByteSlice(UnsafeRawBufferPointer(start: memory, count: byteCount), owner: self)
  }

  /// Gives the memory back. What was written stays, and is read again when it is needed.
  public func release() { _ = unsafe madvise(memory, byteCount, MADV_DONTNEED) }

  /// Returns once everything written so far is durable.
  public func synchronize() throws(Failure) {
    guard unsafe msync(memory, byteCount, MS_SYNC) == 0 else {
      throw SystemCall.failure("msync", path, errno, reading: false)
    }
    try SystemCall.synchronize(descriptor, path)
  }
}
