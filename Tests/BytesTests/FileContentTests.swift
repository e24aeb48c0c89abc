import Bytes
import TestSupport
import Testing

@Suite struct FileContentTests {
  private static let pointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 269060552\n"

  private static func join(_ start: [UInt8], _ text: String, _ end: [UInt8] = []) -> [UInt8] {
    start + Array(text.utf8) + end
  }
  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// First bytes of files, and what they are.
  private static let kinds: [([UInt8], FileContent)] = [
    ([], .empty), (text(pointer), .gitLFSPointer(size: 269_060_552)),
    (text(pointer.replacing("\n", with: "\r\n")), .gitLFSPointer(size: 269_060_552)),
    (text("\n <!DOCTYPE HTML PUBLIC>"), .html), (text("\u{FEFF}<html lang=en>"), .html),
    (text("<?xml version='1.0'?><Error/>"), .xml), (join([], "tjgg", [3, 0]), .ggml),
    ([0x1F, 0x8B, 0x08], .gzip), (text("BZh91AY&SY"), .bzip2),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 0], .xz), ([0x28, 0xB5, 0x2F, 0xFD, 0x24], .zstandard),
    (join([UInt8](repeating: 0x61, count: 257), "ustar\u{0}00"), .tar),
    (join([], "PAR1", [0x15, 0]), .parquet), (text("ARROW1\0\0"), .arrow),
    ([0x50, 0x4B, 0x03, 0x04, 0], .zip), ([0x80, 0x02, 0x7D], .pickle),
    (join([], "GGUF", [3, 0, 0, 0]), .gguf),
    (join([2, 0, 0, 0, 0, 0, 0, 0], "{}"), .safetensors),
    (join([0x89], "CTPK\r\n", [0x1A]), .bundle),
    ([0xFF, 0xFE, 0x61, 0x00], .utf16), ([0xFE, 0xFF, 0x00, 0x61], .utf16),
    ([0x61, 0, 0x62, 0, 0x0A, 0], .utf16), ([0, 0x61, 0, 0x62], .utf16),
    ([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], .utf32), (text(" {\"a\": 1}"), .json),
    (text("[1]"), .json), (text("\u{FEFF}{}"), .json),
    (text("Entry not found\nx"), .text(beginning: "Entry not found")),
    (text("BZhang wrote"), .text(beginning: "BZhang wrote")),
    ([0x61, 0xFF, 0x62], .other), ([0, 1, 2, 3], .other), ([0x80], .other),
  ]

  @Test func contentsAreRecognisedByTheirFirstBytes() {
    for (bytes, kind) in Self.kinds {
      #expect(FileContent(of: ByteSlice(bytes)) == kind, "\(kind)")
    }
  }

  @Test func aCharacterAcrossTheEndOfTheHeadIsText() {
    for shift in 0..<4 {
      let text =
        String(repeating: "a", count: 1020 + shift) + String(repeating: "\u{1F600}", count: 9)
      let kind = FileContent(of: ByteSlice(Array(text.utf8)))
      #expect(kind == .text(beginning: String(repeating: "a", count: 40)), "\(shift)")
    }
  }

  @Test func everyRefusalNamesFileKindAndNextStep() throws {
    let expected: [FileContent.Expected] = [
      .safetensors, .pyTorch, .gguf, .model, .bundle, .json, .yaml, .text,
    ]
    for (bytes, kind) in Self.kinds {
      var refusals = 0
      for wanted in expected {
        do {
          try FileContent.expect(wanted, in: ByteSlice(bytes), file: "dir/a")
        } catch {
          refusals += 1
          #expect(error.kind == .invalidData && error.file == "dir/a")
          #expect(error.finding == "is \(kind.words), not \(wanted.rawValue)")
          #expect(error.advice?.isEmpty == false)
        }
      }
      #expect(kind == .other ? refusals == 0 : refusals >= 5, "\(kind): \(refusals)")
    }
  }

  @Test func aBeginningIsShownWithoutControlCharacters() {
    let kind = FileContent(of: ByteSlice(Array("a\u{1B}[31mb\u{202E}c".utf8)))
    #expect(kind.words == "a text that begins with \"a?[31mb?c\"")
  }

  @Test func aFolderInPlaceOfAFileIsNamed() throws {
    let folder = try TemporaryFolder()
    do {
      _ = try MappedFile(path: folder.path)
      Issue.record("a folder was mapped")
    } catch {
      #expect(error.kind == .inputMissing && error.finding == "is a folder, not a file")
    }
  }

  @Test func jsonFilesMayBeginWithAByteOrderMark() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a.json", [0xEF, 0xBB, 0xBF] + Array("{\"a\": [1]}".utf8))
    #expect(try JSON(reading: path) == ["a": [1]])
  }
}
