import Bytes
import CZstd

/// Whole zstd frames in memory: the one place of this module that talks to a C library.
enum Zstandard {
  /// The level for documents. It decides the bytes, so it is part of the canonical form and never
  /// changes silently.
  static let level: Int32 = 15

  /// One frame that states its content size; nil where the library can't.
  static func compress(_ bytes: ByteSlice) -> [UInt8]? {
    let bound = ZSTD_compressBound(bytes.count)
    guard ZSTD_isError(bound) == 0 else { return nil }
    var failed = false
    let compressed = unsafe bytes.withUnsafeBytes { source in
      unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, count in
        let written = unsafe ZSTD_compress(
          target.baseAddress, bound, source.baseAddress, source.count, level)
        requireMemory(written, bound)
        failed = ZSTD_isError(written) != 0
        count = failed ? 0 : written
      }
    }
    return failed ? nil : compressed
  }

  /// One frame whose own blocks end where `parts` end, so that each part has entropy tables of its
  /// own. `parts`: sizes that add up to `content.count`. nil where the library can't.
  static func compress(_ content: [UInt8], parts: [Int], level: Int32) -> [UInt8]? {
    guard let context = unsafe ZSTD_createCCtx() else {
      MemoryShortage.end(refused: content.count)
    }
    defer { unsafe ZSTD_freeCCtx(context) }
    let size = UInt64(content.count)
    guard unsafe ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, size)) == 0,
      unsafe ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) == 0
    else { return nil }
    // A flush costs a block header; what doesn't shrink is stored as it is.
    let bound = ZSTD_compressBound(content.count) + 16 * (parts.count + 1)
    var failed = false
    let frame = unsafe content.withUnsafeBytes { source in
      unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, count in
        var output = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: bound, pos: 0)
        var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: 0, pos: 0)
        for index in parts.indices where !failed {
          unsafe input.size += parts[index]
          let end = index == parts.count - 1 ? ZSTD_e_end : ZSTD_e_flush
          var left = 1
          while left != 0, !failed {
            let before = unsafe output.pos
            left = unsafe ZSTD_compressStream2(context, &output, &input, end)
            requireMemory(left, bound)
            failed = unsafe ZSTD_isError(left) != 0 || (left != 0 && output.pos == before)
          }
        }
        count = unsafe failed ? 0 : output.pos
      }
    }
    return failed || parts.isEmpty ? nil : frame
  }

  /// The content of exactly one frame of exactly `size` bytes; throws a clause that says what is
  /// wrong.
  static func decompress(_ bytes: ByteSlice, size: Int) throws(Failure) -> [UInt8] {
    try check(bytes, size: size)
    var finding: String?
    let content = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
      finding = unsafe fill(UnsafeMutableRawBufferPointer(target), 0..<size, from: bytes)
      count = finding == nil ? size : 0
    }
    if let finding { throw Failure(.invalidData, finding) }
    return content
  }

  /// The content of exactly one frame of exactly `size` bytes, in memory of its own; throws a clause
  /// that says what is wrong.
  static func decompressed(_ bytes: ByteSlice, size: Int) throws(Failure) -> ByteSlice {
    try check(bytes, size: size)
    let content = DecodedBytes(count: size)
    try unsafe content.fill(0..<size) { (target) throws(Failure) in
      if let finding = unsafe fill(target, 0..<size, from: bytes) {
        throw Failure(.invalidData, finding)
      }
    }
    return content.bytes
  }

  /// Decompresses one frame into `target`, which must be as long as the content.
  @unsafe static func decompress(
    _ bytes: ByteSlice, into target: UnsafeMutableRawBufferPointer
  ) throws(Failure) {
    let size = target.count
    try check(bytes, size: size)
    if let finding = unsafe fill(target, 0..<size, from: bytes) {
      throw Failure(.invalidData, finding)
    }
  }

  /// Checked before a byte is allocated: a frame can't make more of itself than the table says.
  private static func check(_ bytes: ByteSlice, size: Int) throws(Failure) {
    let finding = unsafe bytes.withUnsafeBytes { source -> String? in
      let frame = unsafe ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
      guard ZSTD_isError(frame) == 0, frame == source.count else {
        return "isn't exactly one zstd frame"
      }
      let stated = unsafe ZSTD_getFrameContentSize(source.baseAddress, source.count)
      return stated == UInt64(size)
        ? nil : "its zstd frame doesn't state a content of \(size) bytes"
    }
    if let finding { throw Failure(.invalidData, finding) }
  }

  /// Ends the process if `code` says that the library got no memory. Otherwise a section would be
  /// stored in another form for lack of memory, or a sound one be called corrupt.
  private static func requireMemory(_ code: Int, _ byteCount: Int) {
    guard ZSTD_isError(code) != 0, let name = unsafe ZSTD_getErrorName(code),
      unsafe String(cString: name).hasPrefix("Allocation error")
    else { return }
    MemoryShortage.end(refused: byteCount)
  }

  /// The fault; nil if the frame filled `range` of the target.
  @unsafe private static func fill(
    _ target: UnsafeMutableRawBufferPointer, _ range: Range<Int>, from bytes: ByteSlice
  ) -> String? {
    unsafe bytes.withUnsafeBytes { source in
      let written = unsafe ZSTD_decompress(
        target.baseAddress, range.count, source.baseAddress, source.count)
      requireMemory(written, range.count)
      return ZSTD_isError(written) != 0 || written != range.count
        ? "its zstd frame is corrupt" : nil
    }
  }
}
