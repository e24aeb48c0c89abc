import Bytes
import Testing

@Suite struct DigestTests {
  /// The example of FIPS 180-4, and the xxHash project's published value for empty input (seed 0).
  @Test func knownAnswers() {
    #expect(
      SHA256Digest(hashing: Array("abc".utf8)).hex
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(XXH3Digest(hashing: [UInt8]()).hex == "99aa06d3014798d86001c324468d497f")
  }

  @Test func incrementalDigestsEqualThoseOfTheWhole() throws {
    let bytes = (0..<70_001).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let slice = ByteSlice(bytes)
    var sha = SHA256Hasher()
    var xxh = XXH3Hasher()
    for start in stride(from: 0, to: bytes.count, by: 997) {
      let part = try #require(slice.slice(start..<min(start + 997, bytes.count)))
      sha.update(part)
      xxh.update(part)
    }
    #expect(sha.finish() == SHA256Digest(hashing: bytes))
    let pieced = xxh.finish()
    #expect(pieced == XXH3Digest(hashing: slice))
  }

  @Test func hexadecimalIsStrict() {
    let digest = SHA256Digest(hashing: [1])
    #expect(SHA256Digest(hex: digest.hex) == digest)
    #expect(SHA256Digest(hex: digest.hex.uppercased()) == nil)
    #expect(SHA256Digest(hex: String(digest.hex.dropLast())) == nil)
    #expect(XXH3Digest(bytes: XXH3Digest(hashing: [1]).bytes) == XXH3Digest(hashing: [1]))
    #expect(SHA256Digest(bytes: [1, 2]) == nil)
  }

  @Test func numbersAreReadAtAnyAlignment() throws {
    let floats: [Float] = [1, -2.5, .infinity, Float(bitPattern: 71362)]
    let bytes = ByteSlice([0xAA] + [UInt8](floats: floats))
    #expect(try #require(bytes.slice(1..<17)).floats() == floats)
    let halves = ByteSlice([0x00, 0x3C, 0x01, 0x80, 0x7F]).halves()
    #expect(halves == [1, -Float(Float16.leastNonzeroMagnitude)])
    #expect(ByteSlice([0x80, 0x3F, 0x20, 0xC0]).floats(as: .bfloat16) == [1, -2.5])
    #expect(ByteSlice([1, 0, 0, 2, 9]).words(UInt16.self) == [1, 512])
  }
}
