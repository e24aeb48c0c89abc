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

/// The algorithm and curve of a key, by object identifiers.
struct KeyKind {
  private static let curves: [[UInt8]: String] = [
    [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]: "P-256",
    [0x2B, 0x81, 0x04, 0x00, 0x22]: "P-384", [0x2B, 0x81, 0x04, 0x00, 0x23]: "P-521",
    [0x2B, 0x81, 0x04, 0x00, 0x0A]: "secp256k1",
  ]
  private static let others: [[UInt8]: String] = [
    [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]: "an RSA",
    [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A]: "an RSA",
    [0x2B, 0x65, 0x6E]: "an X25519", [0x2B, 0x65, 0x71]: "an Ed448",
    [0x2A, 0x86, 0x48, 0xCE, 0x38, 0x04, 0x01]: "a DSA",
  ]
  private static let ellipticCurve: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
  private static let edwards: [UInt8] = [0x2B, 0x65, 0x70]

  /// The kind of a key that states a curve's parameters in full.
  static let unnamedCurve = "an EC key with parameters of its own instead of a named curve"

  /// nil for a kind of key that can't be used.
  let algorithm: SignatureAlgorithm?
  /// The kind with its article: "an EC key on the curve P-384".
  let label: String

  private init(_ algorithm: SignatureAlgorithm?, _ label: String) {
    self.algorithm = algorithm
    self.label = label
  }

  /// Reads an AlgorithmIdentifier; nil where it isn't one.
  init?(_ reader: inout DERReader) {
    guard var identifier = reader.read(.sequence), let name = identifier.read(.objectIdentifier)
    else { return nil }
    if name.bytes == Self.ellipticCurve {
      guard let curve = identifier.read(.objectIdentifier), identifier.isAtEnd else {
        self.init(nil, Self.unnamedCurve)
        return
      }
      self.init(curve: curve.bytes)
    } else if name.bytes == Self.edwards, identifier.isAtEnd {
      self.init(.ed25519, "an Ed25519 key")
    } else {
      self.init(nil, (Self.others[name.bytes] ?? "another kind of") + " key")
    }
  }

  /// The key on the curve with the object identifier `curve`.
  init(curve: [UInt8]) {
    let name = Self.curves[curve]
    self.init(
      name == "P-256" ? .ecdsaP256 : nil,
      name.map { "an EC key on the curve \($0)" } ?? "an EC key on another curve")
  }

  /// The refusal of a kind of key that can't be used.
  static func unsupported(_ label: String, _ file: String) -> Failure {
    Failure(
      .usage, file: file, "is \(label); signatures are made with ECDSA P-256 or Ed25519",
      advice: "make a key: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`")
  }
}
