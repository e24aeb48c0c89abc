import Crypto
import FoundationEssentials
import SwiftASN1

/// A public key that signatures are checked with.
public struct VerifyingKey: Sendable, Hashable {
  /// The algorithm of its signatures.
  public let algorithm: SignatureAlgorithm
  /// The point in uncompressed form (65 bytes) for ECDSA, the key's 32 bytes for Ed25519.
  private let point: [UInt8]

  /// - Parameter point: a point that the algorithm's library has accepted.
  init(_ algorithm: SignatureAlgorithm, point: [UInt8]) {
    self.algorithm = algorithm
    self.point = point
  }

  /// Reads the PEM file at `path`: a SubjectPublicKeyInfo ("PUBLIC KEY").
  /// - Throws: `inputMissing`; `invalidData` where the file is damaged; `usage` for a private key, a
  ///   certificate or a key of another algorithm.
  public init(path: String) throws(Failure) {
    try self.init(try PEMText(path: path), file: path)
  }

  init(_ pem: PEMText, file: String) throws(Failure) {
    guard pem.label == "PUBLIC KEY" else { throw Self.refusal(pem.label, file) }
    guard let info = try? PublicKeyInfo(derEncoded: pem.bytes) else {
      throw Failure(.invalidData, file: file, "its public key isn't in DER")
    }
    guard let algorithm = info.kind.algorithm else { throw info.kind.unsupported(file) }
    guard let key = Self(algorithm, encoded: info.key) else {
      throw Failure(.invalidData, file: file, "its public key is no point of the curve")
    }
    self = key
  }

  /// Checks a key's bytes as files hold them; nil where they are no key.
  init?(_ algorithm: SignatureAlgorithm, encoded bytes: [UInt8]) {
    switch algorithm {
    case .ecdsaP256:
      let key =
        bytes.count == 33
        ? try? P256.Signing.PublicKey(compressedRepresentation: bytes)
        : try? P256.Signing.PublicKey(x963Representation: bytes)
      guard let key else { return nil }
      self.init(.ecdsaP256, point: Array(key.x963Representation))
    case .ed25519:
      guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else {
        return nil
      }
      self.init(.ed25519, point: Array(key.rawRepresentation))
    }
  }

  private static func refusal(_ label: String, _ file: String) -> Failure {
    switch label {
    case "RSA PUBLIC KEY": KeyKind.unsupported("an RSA key", file)
    case "CERTIFICATE":
      Failure(
        .usage, file: file, "is a certificate, and chains of certificates are not checked",
        advice: "take its key: `openssl x509 -in FILE -pubkey -noout`")
    case _ where label.hasSuffix("PRIVATE KEY"):
      Failure(
        .usage, file: file, "is a private key, where the public one is needed",
        advice: "take its public part: `openssl pkey -in FILE -pubout`")
    default: Failure(.usage, file: file, "is no public key: its label is \"\(label)\"")
    }
  }

  /// The SubjectPublicKeyInfo in DER, the point uncompressed: one encoding for each key.
  public var encoded: [UInt8] { algorithm.publicKeyPrefix + point }

  /// The key's id: SHA-256 of its SubjectPublicKeyInfo in DER.
  public var id: SHA256Digest { SHA256Digest(hashing: encoded) }

  /// The PEM text of the SubjectPublicKeyInfo.
  public var pem: String { PEMText.text("PUBLIC KEY", encoded) }

  /// Whether `signature`, 64 bytes, is this key's signature of `message`. An ECDSA signature with
  /// a high s isn't accepted.
  public func accepts(_ signature: [UInt8], for message: [UInt8]) -> Bool {
    guard signature.count == SignatureAlgorithm.signatureSize else { return false }
    switch algorithm {
    case .ecdsaP256:
      guard let parsed = ECDSASignature(raw: signature), parsed.isLow else { return false }
      return accepts(parsed, for: message)
    case .ed25519:
      let key = try? Curve25519.Signing.PublicKey(rawRepresentation: point)
      return key?.isValidSignature(signature, for: message) == true
    }
  }

  /// Whether `signature` in DER is this key's ECDSA signature of `message`, with a low or a high s.
  public func accepts(der signature: [UInt8], for message: [UInt8]) -> Bool {
    guard algorithm == .ecdsaP256, let parsed = ECDSASignature(der: signature) else {
      return false
    }
    return accepts(parsed, for: message)
  }

  private func accepts(_ signature: ECDSASignature, for message: [UInt8]) -> Bool {
    guard let key = try? P256.Signing.PublicKey(x963Representation: point),
      let parsed = try? P256.Signing.ECDSASignature(rawRepresentation: signature.raw)
    else { return false }
    return key.isValidSignature(parsed, for: message)
  }
}
