/// A read-only run of bytes that keeps its memory alive: a mapped file, a buffer, or a part of
/// either.
///
/// Copying one copies a pointer, never the bytes. All access is checked; `withUnsafeBytes` is for
/// the kernels.
@safe public struct ByteSlice: @unchecked Sendable {
  private let owner: AnyObject
  private let base: UnsafeRawPointer
  /// The number of bytes.
  public let count: Int

  /// `bytes` must stay valid and unchanged for as long as `owner` lives.
  @unsafe public init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject) {
    self.owner = owner
    unsafe self.base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)!
    self.count = bytes.count
  }

  /// A slice over a copy of `bytes`, aligned to 64.
  public init(_ bytes: [UInt8]) {
    let storage = ByteStorage(copying: bytes)
    unsafe self.init(
      UnsafeRawBufferPointer(start: storage.buffer.baseAddress, count: bytes.count), owner: storage)
  }

  /// The byte at `index`, 0 to count − 1; any other index is a programming error and traps.
  public subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < count, "byte \(index) of \(count)")
    return unsafe base.load(fromByteOffset: index, as: UInt8.self)
  }

  /// The bytes `range`, or nil where they don't lie inside.
  public func slice(_ range: Range<Int>) -> ByteSlice? {
    guard range.lowerBound >= 0, range.upperBound <= count else { return nil }
    return unsafe ByteSlice(
      UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count), owner: owner)
  }

  /// A little-endian integer at `offset`; nil where it doesn't lie inside.
  public func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T? {
    guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
    return unsafe T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// A copy of the bytes.
  public var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

  /// Whether the first byte's address is a multiple of `alignment` bytes.
  public func isAligned(to alignment: Int) -> Bool {
    unsafe UInt(bitPattern: base) % UInt(alignment) == 0
  }

  /// Gives the memory of bytes that lie in a mapped file back to the system; they are read again
  /// when they are needed. Nothing happens to others.
  public func release() {
    guard let mapping = owner as? Mapping else { return }
    unsafe mapping.release(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Calls `body` with the memory of the bytes, which is valid only during the call.
  @unsafe public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    defer { withExtendedLifetime(owner) {} }
    return try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }
}

/// Bytes on the heap, aligned to 64 so that kernels may load whole vectors.
@safe final class ByteStorage {
  let buffer: UnsafeMutableRawBufferPointer

  init(copying bytes: [UInt8]) {
    unsafe buffer = .allocate(byteCount: max(bytes.count, 1), alignment: 64)
    unsafe buffer.copyBytes(from: bytes)
    // The extra byte of an empty copy is never read: the slice's count is the array's.
  }

  deinit { unsafe buffer.deallocate() }
}
