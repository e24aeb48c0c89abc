import Bytes
import TestSupport
import Testing

/// Keys in PEM, as OpenSSL and others write them.
@Suite struct KeyFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func signing(_ text: String) throws -> SigningKey {
    try SigningKey(path: try folder.write("key.pem", text))
  }

  private func verifying(_ text: String) throws -> VerifyingKey {
    try VerifyingKey(path: try folder.write("pub.pem", text))
  }

  @Test(arguments: [
    (SampleKeys.signer, SampleKeys.signerPublic), (SampleKeys.signerSEC1, SampleKeys.signerPublic),
    (SampleKeys.other, SampleKeys.otherPublic), (SampleKeys.other, SampleKeys.otherCompressed),
    (SampleKeys.edwards, SampleKeys.edwardsPublic),
  ])
  func privateAndPublicKeysAgree(secret: String, open: String) throws {
    let (key, other) = (try signing(secret).verifyingKey, try verifying(open))
    #expect(key == other && key.id == other.id)
    let signature = try signing(secret).signature(of: SampleKeys.message)
    #expect(signature.count == 64)
    #expect(other.accepts(signature, for: SampleKeys.message))
    #expect(!other.accepts(signature, for: SampleKeys.message + [0]))
  }

  /// The block with the curve's name that `openssl ecparam -genkey` writes first, and line ends of
  /// another system.
  @Test func textAroundAKeyIsSkipped() throws {
    _ = try signing(SampleKeys.parameters)
    let windows = "a comment\n" + SampleKeys.signer.split(separator: "\n").joined(separator: "\r\n")
    #expect(try signing(windows).verifyingKey == verifying(SampleKeys.signerPublic))
  }

  /// One id per key, whatever the form of the file: SHA-256 of the SubjectPublicKeyInfo, as
  /// `openssl pkey -pubin -outform DER | sha256sum` computes it.
  @Test func theIdIsTheDigestOfTheEncodedKey() throws {
    let key = try verifying(SampleKeys.signerPublic)
    #expect(key.id.hex == "2a22a91fd74ac9b9f4b2c1fb92f110969b008d8a304e13442cacfa1599d21069")
    #expect(key.id == SHA256Digest(hashing: key.encoded))
    #expect(key.pem == SampleKeys.signerPublic)
    #expect(try verifying(SampleKeys.otherCompressed).pem == SampleKeys.otherPublic)
    #expect(try verifying(SampleKeys.edwardsPublic).pem == SampleKeys.edwardsPublic)
  }

  @Test(arguments: [
    (SampleKeys.rsa, "RSA"), (SampleKeys.rsaPKCS1, "RSA"), (SampleKeys.p384, "P-384"),
    (SampleKeys.p384SEC1, "P-384"), (SampleKeys.encrypted, "encrypted"),
    (SampleKeys.encryptedSEC1, "encrypted"), (SampleKeys.signerPublic, "public key, where"),
    (SampleKeys.edwardsPublic, "public key, where"), (SampleKeys.rsaPublic, "public key, where"),
    (SampleKeys.certificate, "certificate"), (SampleKeys.openSSH, "OpenSSH"),
    (SampleKeys.otherExplicit, "instead of a named curve"),
  ])
  func aPrivateKeyOfAnotherKindIsNamed(text: String, word: String) {
    let failure = #expect(throws: Failure.self) { try signing(text) }
    #expect(failure?.kind == .usage && failure?.finding.contains(word) == true, "\(failure as Any)")
  }

  @Test(arguments: [
    (SampleKeys.rsaPublic, "RSA"), (SampleKeys.p384Public, "P-384"),
    (SampleKeys.signer, "private key, where"), (SampleKeys.signerSEC1, "private key, where"),
    (SampleKeys.encrypted, "private key, where"), (SampleKeys.certificate, "certificate"),
  ])
  func aPublicKeyOfAnotherKindIsNamed(text: String, word: String) {
    let failure = #expect(throws: Failure.self) { try verifying(text) }
    #expect(failure?.kind == .usage && failure?.finding.contains(word) == true, "\(failure as Any)")
  }

  @Test(arguments: [
    "", "no key at all", "-----BEGIN PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMFkw*wEw\n-----END PUBLIC KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
    SampleKeys.signerPublic + SampleKeys.otherPublic,
  ])
  func aDamagedPublicKeyIsFound(text: String) {
    let failure = #expect(throws: Failure.self) { try verifying(text) }
    #expect(failure?.kind == .invalidData, "\(failure as Any)")
  }

  @Test(arguments: ["PRIVATE KEY", "EC PRIVATE KEY"])
  func everyTruncationOfAPrivateKeyIsFound(label: String) throws {
    let text = label == "PRIVATE KEY" ? SampleKeys.signer : SampleKeys.signerSEC1
    let body = text.split(separator: "\n").dropFirst().dropLast().joined()
    let bytes = try #require(Base64.decode(body.utf8))
    for count in 0..<bytes.count {
      let cut = Base64.encode(Array(bytes.prefix(count)))
      let failure = #expect(throws: Failure.self) {
        try signing("-----BEGIN \(label)-----\n\(cut)\n-----END \(label)-----\n")
      }
      #expect(failure?.kind == .invalidData, "\(count): \(failure as Any)")
    }
  }

  /// A flipped bit anywhere in a key is an error, or another key; never the same one.
  @Test func noBitOfAPublicKeyIsIdle() throws {
    let key = try verifying(SampleKeys.signerPublic)
    for bit in 0..<8 * key.encoded.count {
      var bytes = key.encoded
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      let text =
        "-----BEGIN PUBLIC KEY-----\n\(Base64.encode(bytes))\n-----END PUBLIC KEY-----\n"
      let read = try? verifying(text)
      #expect(read != key, "bit \(bit)")
    }
  }

  @Test func aPrivateKeyWithAForeignPublicKeyIsDamaged() throws {
    let body = SampleKeys.signer.split(separator: "\n").dropFirst().dropLast().joined()
    var bytes = try #require(Base64.decode(body.utf8))
    let foreign = try verifying(SampleKeys.otherPublic).encoded.suffix(65)
    bytes.replaceSubrange(bytes.count - 65..<bytes.count, with: foreign)
    let failure = #expect(throws: Failure.self) {
      try signing("-----BEGIN PRIVATE KEY-----\n\(Base64.encode(bytes))\n-----END PRIVATE KEY-----")
    }
    #expect(failure?.finding.contains("doesn't belong") == true)
  }

  private func pem(_ label: String, _ bytes: [UInt8]) -> String {
    "-----BEGIN \(label)-----\n\(Base64.encode(bytes))\n-----END \(label)-----\n"
  }

  /// PKCS#8 allows attributes after the key; they must be DER like the rest.
  @Test(arguments: ["ffffff", "30", "a0023005", "a00430800000", "a00404810178"])
  func attributesThatArentDERAreRefused(attributes: String) throws {
    // SEQUENCE { 0, { ecPublicKey, P-256 }, OCTET STRING { SEQUENCE { 1, a number } } }
    let start = try #require(
      Hexadecimal.decode("020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"))
    let content = start + [UInt8](repeating: 7, count: 32)
    _ = try signing(pem("PRIVATE KEY", [0x30, UInt8(content.count)] + content))
    let set: [UInt8] = [0xA0, 0]
    _ = try signing(pem("PRIVATE KEY", [0x30, UInt8(content.count + 2)] + content + set))
    let more = content + (try #require(Hexadecimal.decode(attributes)))
    let failure = #expect(throws: Failure.self) {
      try signing(pem("PRIVATE KEY", [0x30, UInt8(more.count)] + more))
    }
    #expect(failure?.kind == .invalidData, "\(failure as Any)")
  }

  /// SEC1's field of the curve holds the curve alone.
  @Test func anElementAfterTheCurveIsRefused() throws {
    let curve: [UInt8] = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]
    func key(_ field: [UInt8]) -> String {
      let content =
        [2, 1, 1, 4, 32] + [UInt8](repeating: 7, count: 32) + [0xA0, UInt8(field.count)] + field
      return pem("EC PRIVATE KEY", [0x30, UInt8(content.count)] + content)
    }
    _ = try signing(key(curve))
    let failure = #expect(throws: Failure.self) { try signing(key(curve + [5, 0])) }
    #expect(failure?.kind == .invalidData, "\(failure as Any)")
  }

  /// A curve that is missing, and one whose identifier has a number of 64 bits and more.
  @Test(arguments: [
    ("", "instead of a named curve"), ("060b2affffffffffffffffff01", "another curve"),
  ])
  func anUnknownCurveIsNoDamage(curve: String, word: String) throws {
    let name = try #require(Hexadecimal.decode("06072a8648ce3d0201" + curve))
    let content = [0x30, UInt8(name.count)] + name + [3, 2, 0, 4]
    let failure = #expect(throws: Failure.self) {
      try verifying(pem("PUBLIC KEY", [0x30, UInt8(content.count)] + content))
    }
    #expect(failure?.kind == .usage && failure?.finding.contains(word) == true, "\(failure as Any)")
  }
}
