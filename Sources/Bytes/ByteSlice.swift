/// A read-only view of contiguous bytes that retains its owner: a mapped file, a heap buffer, or a
/// part of either.
///
/// Copying a slice copies a pointer, never the bytes. All access is bounds-checked except through
/// `withUnsafeBytes`, which is for the kernels.
@safe public struct ByteSlice: @unchecked Sendable {
  private let owner: AnyObject
  private let base: UnsafeRawPointer
  /// The number of bytes.
  public let count: Int

  /// Wraps `bytes`, which must stay valid and unchanged for as long as `owner` lives.
  @unsafe public init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject) {
    self.owner = owner
    unsafe self.base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)!
    self.count = bytes.count
  }

  /// Copies `bytes` to the heap, aligned to 64 bytes.
  public init(_ bytes: [UInt8]) {
    let storage = ByteStorage(copying: bytes)
    unsafe self.init(
      UnsafeRawBufferPointer(start: storage.buffer.baseAddress, count: bytes.count), owner: storage)
  }

  /// The byte at `index`, which must be within the slice.
  public subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < count, "byte \(index) of \(count)")
    return unsafe base.load(fromByteOffset: index, as: UInt8.self)
  }

  /// Returns the bytes in `range`; nil if it isn't within the slice.
  public func slice(_ range: Range<Int>) -> ByteSlice? {
    guard range.lowerBound >= 0, range.upperBound <= count else { return nil }
    return unsafe ByteSlice(
      UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count), owner: owner)
  }

  /// Returns the little-endian integer at byte `offset`; nil if it isn't within the slice.
  public func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T? {
    guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
    return unsafe T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// A copy of the bytes.
  public var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

  /// Returns whether the first byte's address is a multiple of `alignment` bytes.
  public func isAligned(to alignment: Int) -> Bool {
    unsafe UInt(bitPattern: base) % UInt(alignment) == 0
  }

  /// Drops the resident pages of a slice of a mapped file; the next access reads them again. Has no
  /// effect on heap bytes.
  public func release() {
    guard let mapping = owner as? Mapping else { return }
    unsafe mapping.release(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Calls `body` with the bytes, which are valid only during the call.
  @unsafe public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    defer { withExtendedLifetime(owner) {} }
    return try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }
}

/// A heap buffer aligned to 64 bytes, so that kernels can load whole vectors.
@safe final class ByteStorage {
  let buffer: UnsafeMutableRawBufferPointer

  init(copying bytes: [UInt8]) {
    unsafe buffer = .allocate(byteCount: max(bytes.count, 1), alignment: 64)
    unsafe buffer.copyBytes(from: bytes)
    // The extra byte of an empty copy is never read: the slice's count is the array's.
  }

  deinit { unsafe buffer.deallocate() }
}
