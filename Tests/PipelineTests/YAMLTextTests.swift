import Bytes
import Foundation
import Pipeline
import Testing
import Yams

/// YAML that is written for others, read back by a parser that isn't ours.
@Suite struct YAMLTextTests {
  private func read(_ object: JSONObject) throws -> [String: Any] {
    let text = YAMLText.lines(object).joined(separator: "\n") + "\n"
    return try #require(try Yams.load(yaml: text) as? [String: Any], "\(text)")
  }

  @Test(arguments: [
    "plain", "two words", "a-b_c.d/e", "", " lead", "true", "No", "null", "~", "y", "1.5", "0x1F",
    "1e5", "2026-01-31", "a: b", "- x", "#c", "a #b", "\"", "\\", "'", "|", ">", "@x", "%y", "*a",
    "&b", "!t", "{", "]", "=", "<<", "a\nb", "\t", "é", "\u{7F}", "\u{85}", "\u{202E}x",
    "\u{1F600}", "b\u{FEFF}", "a\u{301}*",
  ])
  func stringsStayStrings(_ text: String) throws {
    let found = try read(["key": .string(text), "list": [.string(text)]])
    #expect((found["key"] as? String)?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
    #expect(found["list"] as? [String] == [text])
    guard !text.isEmpty, text != "<<" else { return }
    let keyed = try read([text: 1])
    #expect(keyed.keys.map { $0 } == [text])
  }

  @Test func valuesKeepTheirTypesAndPlaces() throws {
    let found = try read([
      "whole": 3, "small": 1e-05, "large": 1.5e+20, "power": 1e+16, "half": 0.5, "yes": true,
      "nothing": .null, "empty": [], "none": [:],
      "outer": [
        ["first": ["a": 1, "b": [["c": "x"], ["c": "y"]]], "second": "z"], [["p", "q"]],
      ],
    ])
    #expect(found["whole"] as? Int == 3)
    #expect(found["small"] as? Double == 1e-05 && found["large"] as? Double == 1.5e+20)
    #expect(found["power"] as? Double == 1e+16 && found["half"] as? Double == 0.5)
    #expect(found["yes"] as? Bool == true && found["nothing"] is NSNull == true)
    #expect((found["empty"] as? [Any])?.isEmpty == true)
    #expect((found["none"] as? [String: Any])?.isEmpty == true)
    let outer = try #require(found["outer"] as? [Any])
    let first = try #require(outer[0] as? [String: Any])
    #expect(first["second"] as? String == "z")
    let inner = try #require(first["first"] as? [String: Any])
    #expect(
      inner["a"] as? Int == 1 && inner["b"] as? [[String: String]] == [["c": "x"], ["c": "y"]])
    #expect(outer[1] as? [[String]] == [["p", "q"]])
    #expect(YAMLText.lines(["a": 1e-05, "b": 1.5e-05]) == ["a: 1.0e-05", "b: 1.5e-05"])
  }
}
