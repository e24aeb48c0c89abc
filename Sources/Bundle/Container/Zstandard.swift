import Bytes
import CZstd

/// Whole zstd frames in memory: the one place of this module that talks to a C library.
enum Zstandard {
  /// The level decides the bytes, so it is part of the canonical form and never changes silently.
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
        failed = ZSTD_isError(written) != 0
        count = failed ? 0 : written
      }
    }
    return failed ? nil : compressed
  }

  /// The content of exactly one frame of exactly `size` bytes; throws a clause that says what is
  /// wrong.
  static func decompress(_ bytes: ByteSlice, size: Int) throws(Failure) -> [UInt8] {
    var finding: String?
    let content = unsafe bytes.withUnsafeBytes { source -> [UInt8] in
      let frame = unsafe ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
      guard ZSTD_isError(frame) == 0, frame == source.count else {
        finding = "isn't exactly one zstd frame"
        return []
      }
      // Checked before a byte is allocated: a frame can't make more of itself than the table says.
      guard unsafe ZSTD_getFrameContentSize(source.baseAddress, source.count) == UInt64(size) else {
        finding = "its zstd frame doesn't state a content of \(size) bytes"
        return []
      }
      return unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
        let written = unsafe ZSTD_decompress(
          target.baseAddress, size, source.baseAddress, source.count)
        if ZSTD_isError(written) != 0 || written != size {
          finding = "its zstd frame is corrupt"
          count = 0
        } else {
          count = size
        }
      }
    }
    if let finding { throw Failure(.invalidData, finding) }
    return content
  }
}
