import Bytes
import Checkpoints
import Testing

/// Safetensors files built by hand: valid ones, and one for each rule of the format that it breaks.
@Suite struct SafetensorsFormatTests {
  /// A file with a length field (the true length if nil), a header and `data` bytes.
  private func file(_ header: String, length: UInt64? = nil, data: Int) -> ByteSlice {
    let text = Array(header.utf8)
    let length = length ?? UInt64(text.count)
    let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    return ByteSlice(prefix + text + (0..<data).map { UInt8(truncatingIfNeeded: $0) })
  }

  /// Offsets of a tensor that ends at 2⁶³ − 1.
  private static let farOffsets = "[9223372036854775803,9223372036854775807]"

  private func entry(_ name: String, _ type: String, _ shape: String, _ begin: Int, _ end: Int)
    -> String
  {
    "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
  }

  @Test func readsEveryElementTypeAndAnyOrder() throws {
    let header =
      "{\"__metadata__\":{\"format\":\"pt\"}," + entry("late", "BF16", "[2,3]", 8, 20) + ","
      + entry("early", "I64", "[1]", 0, 8) + "," + entry("empty", "F32", "[0,7]", 20, 20) + ","
      + entry("scalar", "F64", "[]", 20, 28) + "," + entry("half", "F4", "[2]", 28, 29) + "}   "
    let read = try SafetensorsFile(bytes: file(header, data: 29), path: "x")
    #expect(Set(read.entries.keys) == ["late", "early", "empty", "scalar", "half"])
    let late = try #require(read.entries["late"])
    #expect(late.shape == [2, 3] && late.type == .bf16 && late.bytes.array == Array(8..<20))
    #expect(read.entries["scalar"]?.bytes.count == 8)
  }

  @Test func acceptsAFileWithoutTensors() throws {
    #expect(try SafetensorsFile(bytes: file("{}", data: 0), path: "x").entries.isEmpty)
  }

  @Test func refusesFilesThatEndEarly() throws {
    let whole = file("{" + entry("a", "F32", "[4]", 0, 16) + "}", data: 16)
    for length in 0..<whole.count {
      let part = try #require(whole.slice(0..<length))
      expectFailure(.invalidData, "part.safetensors") {
        _ = try SafetensorsFile(bytes: part, path: "part.safetensors")
      }
    }
  }

  @Test(arguments: [100_000_001, 1 << 40, 1 << 63, UInt64.max])
  func refusesGiantHeaders(_ length: UInt64) {
    expectFailure(.invalidData, "byte 0", "at most 100000000") {
      _ = try SafetensorsFile(bytes: file("{}", length: length, data: 4), path: "x")
    }
  }

  @Test func refusesAHeaderBeyondTheFile() {
    expectFailure(.invalidData, "the header has 99000000 bytes, but the file only 14") {
      _ = try SafetensorsFile(bytes: file("{}", length: 99_000_000, data: 4), path: "x")
    }
  }

  private static func tensor(_ fields: String) -> String { "{\"a\":{\(fields)}}" }

  @Test(
    arguments: [
      ("[]", "doesn't start with '{'"),
      (" {}", "doesn't start with '{'"),
      ("{}x", "JSON"),
      ("{\"a\":{\"dtype\":\"F32\"", "header, byte 19: JSON"),
      ("{\"a\":1}", "expected an object"),
      ("{\"a\":{},\"a\":{}}", "appears twice"),
      (tensor("\"dtype\":\"F32\",\"dtype\":\"F32\""), "appears twice"),
      ("{\"__metadata__\":{\"a\":1}}", "strings to strings"),
      ("{\"__metadata__\":[]}", "strings to strings"),
      (tensor(""), "no dtype"),
      (tensor("\"dtype\":\"F32\""), "no shape"),
      (tensor("\"dtype\":\"F32\",\"shape\":[1]"), "no data_offsets"),
      (tensor("\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]"), "unknown dtype \"F31\""),
      (tensor("\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]"), "no dtype"),
      (tensor("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]"), "non-negative"),
      (tensor("\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]"), "non-negative"),
      (tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]"), "expected [begin, end]"),
      (tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"), "expected [begin, end]"),
      (tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]"), "non-negative"),
      (tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]"), "takes 4 bytes"),
      (tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"), "go beyond the 4 bytes"),
      (
        tensor(
          "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\(farOffsets)"
        ),
        "go beyond"
      ),
      (
        tensor("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]"),
        "isn't a whole number of bytes"
      ),
      (
        tensor("\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]"),
        "isn't a whole number of bytes"
      ),
      (tensor("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"more\":1"), "unknown key"),
      (tensor("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]"), "2 bytes after the last"),
      (tensor("\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[1,4]"), "a gap"),
      ("{}", "4 bytes after the last"),
    ] as [(String, String)])
  func refuses(_ header: String, _ finding: String) {
    expectFailure(.invalidData, "bad.safetensors", finding) {
      _ = try SafetensorsFile(bytes: file(header, data: 4), path: "bad.safetensors")
    }
  }

  @Test func refusesOverlapsAndGapsBetweenTensors() {
    for (second, finding) in [
      ((2, 6), "(an overlap)"), ((5, 9), "(a gap)"), ((0, 4), "(an overlap)"),
    ] {
      let header =
        "{" + entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", second.0, second.1)
        + "}"
      expectFailure(.invalidData, "starts at data offset", finding) {
        _ = try SafetensorsFile(bytes: file(header, data: max(4, second.1)), path: "x")
      }
    }
  }

  @Test func refusesDeepNesting() {
    let header = "{\"a\":" + String(repeating: "[", count: 100_000)
    expectFailure(.invalidData, "nested deeper") {
      _ = try SafetensorsFile(bytes: file(header, data: 0), path: "x")
    }
  }

  /// A hostile name can't bring line breaks or terminal escapes into the message.
  @Test func hostileNamesAreEscaped() {
    let name = "a\\u001b[2J\\n" + String(repeating: "b", count: 500)
    expectFailure(.invalidData, "\"a?[2J?bbb", "…\"") {
      _ = try SafetensorsFile(bytes: file("{\"\(name)\":1}", data: 0), path: "x")
    }
  }
}
