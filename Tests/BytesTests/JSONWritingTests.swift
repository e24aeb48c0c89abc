import Bytes
import TestSupport
import Testing

@Suite struct JSONWritingTests {
  @Test func canonicalFormIsSortedAndWithoutSpaces() throws {
    let value = try JSON(
      parsing: #"{ "b": [1.0, 2, -0.5], "a\u0001\t\"\\": "é/\u007f", "": null }"#)
    #expect(
      value.canonicalText
        == "{\"\":null,\"a\\u0001\\t\\\"\\\\\":\"é/\u{7F}\",\"b\":[1.0,2,-0.5]}")
    #expect(try JSON(parsing: value.canonicalBytes) == value)
  }

  /// Keys are sorted by UTF-8 bytes; by UTF-16 units, the last two would be swapped.
  @Test func sortsKeysByBytes() throws {
    let value: JSON = ["\u{1F600}": 1, "\u{FF5E}": 2, "Z": 3, "a": 4, "é": 5]
    #expect(value.canonicalText == "{\"Z\":3,\"a\":4,\"é\":5,\"\u{FF5E}\":2,\"\u{1F600}\":1}")
  }

  /// Doubles are written as by Python's repr, the rule given in Formats/container.md.
  @Test(arguments: [
    (0.1, "0.1"), (1.0, "1.0"), (-0.0, "-0.0"), (1e15, "1000000000000000.0"), (1e16, "1e+16"),
    (1.2345678901234568e16, "1.2345678901234568e+16"),
    (9_007_199_254_740_992, "9007199254740992.0"), (1e22, "1e+22"), (0.0001, "0.0001"),
    (0.00001, "1e-05"), (Double.leastNonzeroMagnitude, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (-1.5e16, "-1.5e+16"), (1e100, "1e+100"),
  ])
  func doublesHaveOneCanonicalText(value: Double, text: String) throws {
    #expect(JSON.number(value).canonicalText == text)
    #expect(try JSON(parsing: text) == .number(value))
  }

  @Test func everyDoubleReadsBack() throws {
    var random = TestRandom()
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      let back = try JSON(parsing: JSON.number(value).canonicalText)
      #expect(back == .number(value), "\(value.bitPattern), \(random.note)")
    }
  }

  @Test func prettyTextReadsBackInOrder() throws {
    let value: JSON = ["b": [1, [:], []], "a": ["x": "y"]]
    #expect(try JSON(parsing: value.prettyText) == value)
    #expect(value.prettyText.hasPrefix("{\n  \"b\": [\n    1,"))
  }
}
