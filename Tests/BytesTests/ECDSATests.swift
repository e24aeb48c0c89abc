import Bytes
import TestSupport
import Testing

/// ECDSA signatures: the two encodings, and the alterations that must not stay valid.
@Suite struct ECDSATests {
  let folder: TemporaryFolder
  let key: VerifyingKey
  let der: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    key = try VerifyingKey(path: try folder.write("pub.pem", SampleKeys.otherPublic))
    der = try #require(Hexadecimal.decode(SampleKeys.otherSignature))
  }

  private func signer(_ text: String) throws -> SigningKey {
    try SigningKey(path: try folder.write("key.pem", text))
  }

  /// n − s, by the definition of the curve's order n in FIPS 186-5.
  private func negated(_ raw: [UInt8]) -> [UInt8] {
    let order = Hexadecimal.decode(
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")!
    var (result, borrow) = (raw, 0)
    for at in (0..<32).reversed() {
      let value = Int(order[at]) - Int(raw[32 + at]) - borrow
      result[32 + at] = UInt8(truncatingIfNeeded: value)
      borrow = value < 0 ? 1 : 0
    }
    return result
  }

  @Test func opensslsSignatureIsValid() {
    #expect(key.accepts(der: der, for: SampleKeys.message))
    #expect(!key.accepts(der: der, for: Array("A message to sign".utf8)))
  }

  @Test func aHighSIsRefusedInBundlesAlone() throws {
    let secret = try signer(SampleKeys.other)
    for _ in 0..<8 {
      let low = try secret.signature(of: SampleKeys.message)
      #expect(key.accepts(low, for: SampleKeys.message))
      let high = negated(low)
      #expect(low[32] < 0x80 && high[32] >= 0x7F)
      #expect(!key.accepts(high, for: SampleKeys.message))
      #expect(key.accepts(der: Self.der(high), for: SampleKeys.message))
    }
  }

  /// Strict DER of r and s.
  static func der(_ raw: [UInt8]) -> [UInt8] {
    func integer(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
      var digits = Array(bytes.drop { $0 == 0 })
      if digits.isEmpty || digits[0] >= 0x80 { digits.insert(0, at: 0) }
      return [2, UInt8(digits.count)] + digits
    }
    let content = integer(raw[..<32]) + integer(raw[32...])
    return [0x30, UInt8(content.count)] + content
  }

  /// Each of these says the same numbers, and none is DER.
  @Test func otherEncodingsOfTheSameNumbersAreRefused() throws {
    let raw = try signer(SampleKeys.other).signature(of: SampleKeys.message)
    let strict = Self.der(raw)
    #expect(key.accepts(der: strict, for: SampleKeys.message))
    let body = Array(strict.dropFirst(2))
    let first = Array(body.prefix(2 + Int(body[1])))
    let rest = Array(body.dropFirst(first.count))
    let altered: [[UInt8]] = [
      strict + [0], [0x30, 0x81, UInt8(body.count)] + body,
      [0x30, 0x82, 0, UInt8(body.count)] + body, [0x30, 0x80] + body + [0, 0],
      [0x30, UInt8(body.count + 1), 2, first[1] + 1, 0] + first.dropFirst(2) + rest,
      [0x30, UInt8(body.count + 1), 2, 0x81, first[1]] + first.dropFirst(2) + rest,
      [0x31] + strict.dropFirst(), [0x30, UInt8(body.count + 2)] + body + [5, 0],
      [0x30, UInt8(first.count)] + first, [],
    ]
    for (index, bytes) in altered.enumerated() {
      #expect(!key.accepts(der: bytes, for: SampleKeys.message), "alteration \(index)")
    }
    for count in 0..<strict.count {
      #expect(!key.accepts(der: Array(strict.prefix(count)), for: SampleKeys.message))
    }
  }

  @Test func numbersOutOfRangeAreRefused() throws {
    let raw = try signer(SampleKeys.other).signature(of: SampleKeys.message)
    let zero = [UInt8](repeating: 0, count: 32)
    let order = negated(zero + zero).suffix(32)
    let outOfRange: [[UInt8]] = [
      zero + raw[32...], Array(raw[..<32]) + zero, Array(order) + raw[32...], zero + zero,
    ]
    for bad in outOfRange {
      #expect(!key.accepts(bad, for: SampleKeys.message))
      #expect(!key.accepts(der: Self.der(bad), for: SampleKeys.message))
    }
  }

  @Test func noBitOfASignatureIsIdle() throws {
    for text in [SampleKeys.other, SampleKeys.edwards] {
      let secret = try signer(text)
      let signature = try secret.signature(of: SampleKeys.message)
      for bit in 0..<512 {
        var changed = signature
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(!secret.verifyingKey.accepts(changed, for: SampleKeys.message), "bit \(bit)")
      }
      for count in [0, 32, 63, 65] {
        let cut = Array((signature + [0]).prefix(count))
        #expect(!secret.verifyingKey.accepts(cut, for: SampleKeys.message))
      }
    }
  }

  @Test func keysAndAlgorithmsAreNotMixedUp() throws {
    let keys = try [SampleKeys.signer, SampleKeys.other, SampleKeys.edwards].map(signer)
    for (a, one) in keys.enumerated() {
      let signature = try one.signature(of: SampleKeys.message)
      for (b, other) in keys.enumerated() {
        #expect(other.verifyingKey.accepts(signature, for: SampleKeys.message) == (a == b))
      }
    }
    let failure = #expect(throws: Failure.self) {
      try keys[2].derSignature(of: SampleKeys.message)
    }
    #expect(failure?.kind == .usage)
    #expect(!keys[2].verifyingKey.accepts(der: der, for: SampleKeys.message))
  }
}
