import Bytes
import Testing

@Suite struct PlainNameTests {
  @Test(arguments: ["a", "default", "c4-v2.1_x", "7", String(repeating: "n", count: 100)])
  func namesAreAllowed(name: String) { #expect(PlainName.allows(name)) }

  @Test(arguments: [
    "", ".", "..", ".hidden", "-x", "--as", "a b", "a/b", "../../x", "a\\b", "a\u{1B}[31m", "a\nb",
    "é", "\u{202E}x", "a\u{0}", String(repeating: "n", count: 101),
  ])
  func otherNamesAreNot(name: String) { #expect(!PlainName.allows(name)) }

  @Test func invisibleCharactersAreNamed() {
    #expect(PlainName.invisible(in: "model.layers.0.é 数") == nil)
    for (name, character) in [
      ("a\u{1B}", "U+001B"), ("\u{9B}m", "U+009B"), ("x\u{202E}", "U+202E"), ("\u{2028}", "U+2028"),
      ("zero\u{200B}width", "U+200B"), ("\u{E000}", "U+E000"),
    ] {
      #expect(PlainName.invisible(in: name) == character)
    }
  }
}
