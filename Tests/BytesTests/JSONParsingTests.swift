import Bytes
import Testing

@Suite struct JSONParsingTests {
  static let texts: [(String, JSON)] = [
    ("null", .null), ("true", true), (" [1, -2,3.5 ] ", [1, -2, 3.5]),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("-0", .number(-0.0)),
    ("0.1e1", 1.0), (#""\u0041\n\/\ud83d\ude00""#, "A\n/😀"), ("{}", [:]), ("[]", []),
    (#"{"a":{"b":[null,false]}}"#, ["a": ["b": [nil, false]]]),
  ]

  @Test(arguments: texts)
  func reads(text: String, value: JSON) throws {
    #expect(try JSON(parsing: text) == value)
  }

  /// Invalid texts, each with the byte offset in the failure's place and a word of its finding.
  @Test(arguments: [
    ("", 0, "ends"), ("{", 1, "ends"), ("[1,]", 3, "value"), ("[1 2]", 3, "','"),
    (#"{"a":1,"a":2}"#, 7, "twice"), ("1 2", 2, "after the end"), (#""abc"#, 0, "doesn't end"),
    (#""\ud800""#, 1, "surrogate"), (#""\ud800\u0041""#, 1, "surrogate"),
    (#""\udc00""#, 1, "surrogate"), (#""\x""#, 1, "escape"), (#""\u12g4""#, 1, "hexadecimal"),
    ("01", 1, "after the end"), ("-", 1, "digit"), ("1.", 2, "digit"), ("1e999", 0, "range"),
    ("tru", 0, "value"), ("\"a\nb\"", 2, "control"), ("{a:1}", 1, "key"), ("nan", 0, "value"),
    ("[1}", 2, "']'"), ("\u{FEFF}1", 0, "value"),
  ])
  func refuses(text: String, offset: Int, word: String) {
    let failure = #expect(throws: Failure.self) { try JSON(parsing: text, file: "f.json") }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.file == "f.json")
    #expect(failure?.place == "byte \(offset)")
    #expect(failure?.finding.contains(word) == true, "\(failure?.finding ?? "")")
  }

  @Test func refusesInvalidUTF8() {
    let samples: [[UInt8]] = [
      [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
    ]
    for bytes in samples {
      for escape: [UInt8] in [[], Array(#"\n"#.utf8)] {
        let text = [0x22] + escape + bytes + [0x22]
        #expect(throws: Failure.self) { try JSON(parsing: text) }
      }
    }
  }

  @Test func limitsDepth() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSON(parsing: nested(128))
    #expect(throws: Failure.self) { try JSON(parsing: nested(129)) }
    #expect(throws: Failure.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
  }

  /// Swift's `String` equality treats these two encodings of é as equal; a vocabulary doesn't.
  @Test func keepsCanonicallyEquivalentKeysDistinct() throws {
    let object = try #require(try JSON(parsing: "{\"\u{E9}\":1,\"e\u{301}\":2}").object)
    #expect(object.count == 2)
    #expect(object["\u{E9}"] == 1)
    #expect(object["e\u{301}"] == 2)
    #expect(JSON.string("\u{E9}") != JSON.string("e\u{301}"))
  }

  @Test func findsEveryKeyOfALargeObject() throws {
    let count = 50_000
    let text = "{" + (0..<count).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
    let start = ContinuousClock.now
    var object = try #require(try JSON(parsing: text).object)
    #expect(object.count == count)
    #expect((0..<count).allSatisfy { object["k\($0)"]?.int == $0 })
    #expect(object["k\(count)"] == nil)
    #expect(ContinuousClock.now - start < .seconds(10), "lookup is no longer constant time")
    object["k7"] = nil
    #expect(object["k7"] == nil)
    #expect(object["k8"] == 8)
  }

  @Test func requiredNamesTheKey() throws {
    let value: JSON = ["n": 3, "s": "x"]
    #expect(try value.required("n", as: Int.self) == 3)
    let missing = #expect(throws: Failure.self) {
      try value.required("zz", as: Int.self, file: "f")
    }
    #expect(missing?.place == "key \"zz\"")
    let mistyped = #expect(throws: Failure.self) { try value.required("s", as: Int.self) }
    #expect(mistyped?.finding == "expected an integer, found a string")
  }
}
