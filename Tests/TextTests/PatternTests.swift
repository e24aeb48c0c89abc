import Bytes
import TestSupport
import Testing
import Text

@Suite("Split patterns")
struct PatternTests {
  private func matches(_ pattern: TextPattern, _ text: [UInt8]) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    pattern.matches(text, 0..<text.count) { ranges.append($0) }
    return ranges
  }

  @Test("hand-written splitters and the general matcher agree", arguments: KnownSplitter.allCases)
  func twins(splitter: KnownSplitter) throws {
    let general = TextPattern.general(try Pattern(splitter.pattern))
    let fast = try TextPattern(regularExpression: splitter.pattern)
    guard case .known = fast else {
      Issue.record("the pattern isn't recognized")
      return
    }
    for bytes in try Golden.hardCases() {
      let text = Array(String(decoding: bytes, as: UTF8.self).utf8)
      #expect(matches(fast, text) == matches(general, text))
    }
    var random = TestRandom("\(splitter)")
    let pool: [UInt32] = [
      0x20, 0x20, 0x20, 0x0A, 0x0D, 0x09, 0x27, 0x73, 0x53, 0x6C, 0x4C, 0x72, 0x65, 0x76, 0x64,
      0x74,
      0x6D, 0x31, 0x39, 0x2E, 0x21, 0xE9, 0x17F, 0x2BC, 0x4E2D, 0x1F600, 0xA0, 0x85, 0x3000, 0x301,
      0xBD, 0x660, 0x0B, 0x1680,
    ]
    for _ in 0..<2000 {
      var string = String.UnicodeScalarView()
      for _ in 0..<1 + random.below(32) {
        let scalar = pool[random.below(pool.count)]
        string.append(Unicode.Scalar(scalar) ?? " ")
      }
      let text = Array(String(string).utf8)
      #expect(
        matches(fast, text) == matches(general, text),
        "\(String(string).debugDescription), \(random.note)")
    }
  }

  @Test("repeats, classes, case and lookahead match as in Oniguruma")
  func meaning() throws {
    func found(_ pattern: String, _ text: String) throws -> [String] {
      let bytes = Array(text.utf8)
      return matches(.general(try Pattern(pattern)), bytes).map {
        String(decoding: bytes[$0], as: UTF8.self)
      }
    }
    #expect(try found("a{2,3}", "aaaaaaa") == ["aaa", "aaa"])
    #expect(try found("a{2,3}?", "aaaaaaa") == ["aa", "aa", "aa"])
    #expect(try found("a*?b", "aab ab") == ["aab", "ab"])
    #expect(try found("a|ab", "abab") == ["a", "a"])
    #expect(try found("(?:ab|a)(?=b)", "aabb") == ["ab"])
    #expect(try found("(?:ab|a)(?=b)", "aab") == ["a"])
    #expect(try found("(?i:k[a-c]s)", "KBs \u{212A}a\u{17F}") == ["KBs", "\u{212A}a\u{17F}"])
    #expect(try found(#"[^\P{Lu}X]+|\x41\u0042"#, "ABXC") == ["AB", "C"])
    #expect(try found(#"[\-\]a-]"#, "-]a b") == ["-", "]", "a"])
    #expect(try found("^a|b$", "ab\nab") == ["a", "b", "a", "b"])
    #expect(try found("x*", "axxb") == ["", "xx", ""])
  }

  @Test(
    "unsupported syntax is refused with the reason",
    arguments: [
      ("(a", "without ')'"), ("a)", "without '('"), ("[a", "without ']'"), ("[]", "empty class"),
      ("*a", "nothing to repeat"), ("(a*)*", "may be empty"), ("(?:a|b?)+", "may be empty"),
      ("(?<=a)b", "kind of group"), (#"(a)\1"#, "isn't supported"), (#"\p{Latin}"#, "\\p{Latin}"),
      ("(?=ab)", "one character"), ("a++", "possessive"), ("[a&&b]", "intersections"),
      ("a{100}", "a repeat"),
      ("a{3,2}", "a repeat"), ("[z-a]", "ascend"), (#"\"#, "backslash"), ("(?i:é)", "beyond ASCII"),
      (#"\xFF"#, "raw bytes"), (#"\x{110000}"#, "code point"),
    ])
  func refused(pattern: String, reason: String) {
    #expect {
      _ = try Pattern(pattern)
    } throws: { error in
      (error as? Failure)?.finding.contains(reason) == true
    }
  }

  @Test("patterns too large or too deep are refused")
  func limits() {
    for pattern in [
      String(repeating: "(", count: 2000) + String(repeating: ")", count: 2000),
      String(repeating: "a?", count: 100), "((a{64}){64}){64}", String(repeating: "a", count: 5000),
    ] {
      #expect(throws: Failure.self) { _ = try Pattern(pattern) }
    }
  }

  @Test(
    "matching takes linear time for ambiguous patterns", .timeLimit(.minutes(5)),
    arguments: [
      "(?:a|aa)+b", "(?:a+)+b", "a+b|a", "a*a*a*a*a*b|a", "(?:a|b|ab)*c|a", #"\s*x|(?:\w+\s?)+y|."#,
    ])
  func linear(pattern: String) throws {
    let text = [UInt8](repeating: 0x61, count: 1 << 17)
    let started = ContinuousClock.now
    let found = matches(.general(try Pattern(pattern)), text)
    #expect(found.count <= text.count)
    // Quadratic time would take hours for 128 KiB; linear time is below a second.
    #expect(ContinuousClock.now - started < .seconds(10))
  }
}
