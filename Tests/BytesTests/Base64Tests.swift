import Bytes
import Testing

@Suite struct Base64Tests {
  /// The examples of RFC 4648, section 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func knownAnswers(text: String, encoded: String) {
    #expect(Base64.encode(Array(text.utf8)) == encoded)
    #expect(Base64.decode(encoded.utf8) == Array(text.utf8))
  }

  @Test func everyByteComesBack() {
    for count in 250...260 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
    }
  }

  /// Bits after the last byte, padding in the middle, and characters of other alphabets.
  @Test(arguments: [
    "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm-_", "Zm 9",
  ])
  func onlyTheCanonicalTextIsAccepted(text: String) {
    #expect(Base64.decode(text.utf8) == nil)
  }
}
