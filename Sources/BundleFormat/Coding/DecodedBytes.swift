import Bytes

/// The memory that a section is decoded into, shared by all users of the section.
@safe package final class DecodedBytes: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer

  /// Aligned like sections in the file are, so that kernels see no difference.
  init(count: Int) {
    unsafe memory = .allocate(
      byteCount: max(1, count), alignment: ContainerLayout.pageSize)
    self.count = count
  }

  deinit { unsafe memory.deallocate() }

  let count: Int

  /// Hands out the part `range`, which no other thread may write at the same time.
  @unsafe func fill(
    _ range: Range<Int>, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count) bytes")
    try unsafe body(UnsafeMutableRawBufferPointer(rebasing: memory[range]))
  }

  /// All of it; to be read once it has been filled.
  package var bytes: ByteSlice {
    unsafe ByteSlice(UnsafeRawBufferPointer(start: memory.baseAddress, count: count), owner: self)
  }
}
