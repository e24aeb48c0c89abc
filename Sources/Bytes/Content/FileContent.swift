/// The format of a file, recognised by its first bytes alone.
///
/// Names are unreliable: a clone without git-lfs, a proxy's error page, or a download that is still
/// compressed have the names of the files that they replace. Readers ask here, so that every one of
/// them says what the file is and what to do with it.
public enum FileContent: Sendable, Equatable {
  case empty
  /// A text that git-lfs puts in place of a large file, with the size of that file in bytes.
  case gitLFSPointer(size: Int?)
  case html, xml
  case gzip, bzip2, xz, zstandard, lz4, sevenZip
  case tar
  case parquet, arrow, hdf5, numpy, sqlite, pdf
  /// A zip archive, which is also the form of `torch.save` since PyTorch 1.6.
  case zip
  /// A Python pickle outside a zip archive, the form of `torch.save` before PyTorch 1.6.
  case pickle
  case gguf
  /// The formats of llama.cpp before GGUF.
  case ggml
  case safetensors
  case bundle
  case utf16, utf32
  /// Text that begins like a JSON object or array.
  case json
  /// Any other text, with its beginning.
  case text(beginning: String)
  /// Bytes that aren't recognised.
  case other

  /// The number of bytes that decide.
  private static let headSize = 1024

  /// Recognises a file by its content `bytes`.
  public init(of bytes: ByteSlice) {
    let head = bytes.slice(0..<min(Self.headSize, bytes.count))?.array ?? []
    if head.isEmpty {
      self = .empty
    } else if let known = Self.signed(head) {
      self = known
    } else if Self.isSafetensors(bytes) {
      self = .safetensors
    } else {
      self = Self.textual(head, isWhole: bytes.count <= head.count)
    }
  }

  /// The formats that begin with fixed bytes.
  private static let signatures: [([UInt8], FileContent)] = [
    ([0x1F, 0x8B], .gzip), ([0x28, 0xB5, 0x2F, 0xFD], .zstandard),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], .xz), ([0x04, 0x22, 0x4D, 0x18], .lz4),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], .sevenZip), (ascii("PAR1"), .parquet),
    (ascii("ARROW1"), .arrow), ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], .hdf5),
    ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], .numpy), (ascii("SQLite format 3\0"), .sqlite),
    (ascii("%PDF-"), .pdf), ([0x50, 0x4B, 0x03, 0x04], .zip), ([0x50, 0x4B, 0x05, 0x06], .zip),
    (ascii("GGUF"), .gguf), (ascii("tjgg"), .ggml), (ascii("fmgg"), .ggml), (ascii("lmgg"), .ggml),
    ([0x89, 0x43, 0x54, 0x50, 0x4B, 0x0D, 0x0A, 0x1A], .bundle),
    ([0xFF, 0xFE, 0x00, 0x00], .utf32), ([0x00, 0x00, 0xFE, 0xFF], .utf32),
    ([0xFF, 0xFE], .utf16), ([0xFE, 0xFF], .utf16),
  ]

  private static func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static func signed(_ head: [UInt8]) -> FileContent? {
    if let (_, found) = signatures.first(where: { head.starts(with: $0.0) }) { return found }
    // "BZh", the block size as a digit, and the number of a block or of the end.
    if head.count >= 10, head.starts(with: Array("BZh".utf8)),
      (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(head[3]),
      [0x31, 0x17].contains(head[4])
    {
      return .bzip2
    }
    if head.count >= 262, Array(head[257..<262]) == Array("ustar".utf8) { return .tar }
    if head.count >= 2, head[0] == 0x80, (2...5).contains(head[1]) { return .pickle }
    return nil
  }

  /// Whether the bytes begin with the length of a JSON header, which follows.
  private static func isSafetensors(_ bytes: ByteSlice) -> Bool {
    guard let length = bytes.integer(at: 0, as: UInt64.self), length >= 2, length <= 1 << 40,
      bytes.count > 8
    else { return false }
    return bytes[8] == UInt8(ascii: "{") && bytes[7] == 0
  }

  private static func textual(_ head: [UInt8], isWhole: Bool) -> FileContent {
    if isUTF16(head) { return .utf16 }
    var body = head[...]
    if body.starts(with: ByteOrderMark.utf8) { body = body.dropFirst(3) }
    guard !body.contains(where: { $0 < 0x20 && !(0x09...0x0D).contains($0) && $0 != 0x1B }),
      let text = validPrefix(body, isWhole: isWhole)
    else { return .other }
    if text.hasPrefix("version https://git-lfs.github.com/spec/") {
      let size = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("size ") }
      return .gitLFSPointer(size: size.flatMap { Int($0.dropFirst(5)) })
    }
    let trimmed = text.drop { $0 == " " || $0 == "\n" || $0 == "\r\n" || $0 == "\t" || $0 == "\r" }
    let lowered = trimmed.prefix(32).lowercased()
    if ["<!doctype html", "<html", "<head"].contains(where: { lowered.hasPrefix($0) }) {
      return .html
    }
    if lowered.hasPrefix("<?xml") { return .xml }
    if trimmed.hasPrefix("{") || trimmed.hasPrefix("[") { return .json }
    return .text(beginning: String(trimmed.prefix { !$0.isNewline }.prefix(40)))
  }

  /// The bytes as text; a character that the head cuts off at its end is left out. Nil for bytes
  /// that aren't UTF-8.
  private static func validPrefix(_ bytes: ArraySlice<UInt8>, isWhole: Bool) -> String? {
    for cut in 0..<(isWhole ? 1 : 4) where cut <= bytes.count {
      if let text = String(validating: bytes.dropLast(cut), as: UTF8.self) { return text }
    }
    return nil
  }

  /// Whether every other byte is zero, as in UTF-16 text of ASCII characters without a mark.
  private static func isUTF16(_ head: [UInt8]) -> Bool {
    let pairs = min(head.count / 2, 32)
    guard pairs >= 2 else { return false }
    for zero in 0...1 {
      let fits = (0..<pairs).allSatisfy {
        let other = head[2 * $0 + 1 - zero]
        return head[2 * $0 + zero] == 0 && (0x20..<0x7F).contains(other)
          || (head[2 * $0 + zero] == 0 && [0x09, 0x0A, 0x0D].contains(other))
      }
      if fits { return true }
    }
    return false
  }
}

/// The mark U+FEFF with which some editors begin a UTF-8 file.
public enum ByteOrderMark {
  /// Its bytes.
  public static let utf8: [UInt8] = [0xEF, 0xBB, 0xBF]
}

extension ByteSlice {
  /// The bytes without a byte-order mark at their beginning, which isn't part of a text.
  public var withoutByteOrderMark: ByteSlice {
    guard count >= 3, slice(0..<3)?.array == ByteOrderMark.utf8 else { return self }
    return slice(3..<count) ?? self
  }
}
