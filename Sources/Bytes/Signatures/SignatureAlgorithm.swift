/// A signature algorithm, by its name in signed statements.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
  /// ECDSA on the curve P-256 over SHA-256 (FIPS 186-5). A signature is r, then s, each 32
  /// big-endian bytes.
  case ecdsaP256 = "ecdsa-p256-sha256"
  /// Ed25519 (RFC 8032). A signature is R, then S, each 32 bytes.
  case ed25519

  /// Bytes of a signature.
  public static let signatureSize = 64

  /// The name in sentences.
  public var label: String {
    switch self {
    case .ecdsaP256: "ECDSA P-256"
    case .ed25519: "Ed25519"
    }
  }

  /// The DER of a SubjectPublicKeyInfo up to the key's own bytes.
  var publicKeyPrefix: [UInt8] {
    switch self {
    case .ecdsaP256:
      [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08,
        0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
      ]
    case .ed25519:
      [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
    }
  }
}
