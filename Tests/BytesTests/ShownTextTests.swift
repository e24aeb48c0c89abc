import Bytes
import Testing

/// Text from files on a terminal: nothing in it may move the cursor, break a line or turn the writing
/// around.
@Suite struct ShownTextTests {
  /// One character of each range that a terminal obeys, and its ends.
  static let obeyed: [UInt32] = [
    0, 7, 8, 9, 0xA, 0xD, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0x9B, 0x9F, 0x061C, 0x200E, 0x200F, 0x2028,
    0x2029, 0x202A, 0x202E, 0x2066, 0x2069,
  ]

  @Test(arguments: obeyed)
  func whatATerminalObeysIsSpelledOut(value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    let digits = String(value, radix: 16, uppercase: true)
    let shown = "a\\u{\(digits)}b"
    #expect(ShownText.line("a\(scalar)b") == shown)
    let kept = scalar == "\n" || scalar == "\t"
    #expect(ShownText.lines("a\(scalar)b") == (kept ? "a\(scalar)b" : shown))
    let failure = Failure(
      .usage, file: "f\(scalar)", at: "p\(scalar)", "w\(scalar)", advice: "d\(scalar)")
    let end = "\\u{\(digits)}"
    #expect(failure.description == "f\(end): p\(end): w\(end); d\(end)")
    // JSON's own escapes are used where it has some; the value stays the same.
    let json: JSON = ["k\(scalar)": .string("v\(scalar)")]
    let text = json.shownText
    #expect(try JSON(parsing: Array(text.utf8)) == json)
    #expect(!text.unicodeScalars.contains { ShownText.isControl($0) && $0 != "\n" }, "\(text)")
  }

  @Test func otherTextStays() {
    let text = "naïve 数 → “x” 👩‍💻 العربية \u{A0} \\u{1B}"
    #expect(ShownText.line(text) == text)
    #expect(ShownText.lines(text) == text)
    let json: JSON = ["text": .string(text)]
    #expect(json.shownText == json.prettyText)
  }

  /// Files get the indented form as it was, so that their bytes don't change.
  @Test func theFormForFilesKeepsItsBytes() {
    let json: JSON = ["a": "\u{202E}\u{7F}"]
    #expect(json.prettyText == "{\n  \"a\": \"\u{202E}\u{7F}\"\n}")
    #expect(json.shownText == "{\n  \"a\": \"\\u202e\\u007f\"\n}")
  }

  @Test func aListHasALinePerEntryWhateverIsInIt() {
    let failure = Failure(.invalidData, file: "r", "2 problems", list: ["one\n  two", "three"])
    #expect(failure.description == "r: 2 problems\n  one\\u{A}  two\n  three")
    #expect(failure.located(at: "line 1").list == failure.list)
  }
}
