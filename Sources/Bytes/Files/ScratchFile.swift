import Glibc

/// A fixed-size file mapped for reading and writing: memory that the system can reclaim under
/// pressure, because the file keeps its content.
///
/// Several threads may write at once if they write different bytes.
@safe public final class ScratchFile: @unchecked Sendable {
  public let path: String
  /// The size in bytes.
  public let byteCount: Int
  private let descriptor: Int32
  private let memory: UnsafeMutableRawPointer

  /// Opens or creates the file at `path` and resizes it to `byteCount` (> 0) bytes; new bytes are
  /// 0.
  ///
  /// - Throws: `cannotCreate`, also where `path` is a symbolic link; `io` if the disk has no room for all of it. The space is reserved
  ///   here because a write to a mapped file on a full disk would kill the process.
  public init(path: String, byteCount: Int) throws(Failure) {
    precondition(byteCount > 0, "a scratch file of \(byteCount) bytes")
    let opened = SystemCall.openOwn(path, O_RDWR | O_CREAT)
    guard opened.value >= 0 else {
      throw SystemCall.ownFileFailure("can't be created", path, opened.errno)
    }
    self.path = path
    self.byteCount = byteCount
    descriptor = opened.value
    do throws(Failure) {
      guard try SystemCall.ownFileNames(opened.value, path) <= 1 else {
        throw SystemCall.hardLinkFailure(path)
      }
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

  /// The page-aligned address of the first byte. This object must outlive its use.
  @unsafe public var start: UnsafeMutableRawPointer { unsafe memory }

  /// The current bytes; they must not be written while the slice is read.
  public var bytes: ByteSlice {
    unsafe ByteSlice(UnsafeRawBufferPointer(start: memory, count: byteCount), owner: self)
  }

  /// Drops the resident pages. The content stays in the file and is read again on access.
  public func release() { _ = unsafe madvise(memory, byteCount, MADV_DONTNEED) }

  /// Makes everything written so far durable.
  public func synchronize() throws(Failure) {
    guard unsafe msync(memory, byteCount, MS_SYNC) == 0 else {
      throw SystemCall.failure("msync", path, errno, reading: false)
    }
    try SystemCall.synchronize(descriptor, path)
  }
}
