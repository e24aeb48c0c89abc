import Crypto
import FoundationEssentials
import SwiftASN1

/// A private key that signatures are made with.
public struct SigningKey: Sendable {
  private enum Secret {
    case ecdsaP256(P256.Signing.PrivateKey)
    case ed25519(Curve25519.Signing.PrivateKey)
  }

  private let secret: Secret

  /// Reads the PEM file at `path`: PKCS#8 ("PRIVATE KEY") or SEC1 ("EC PRIVATE KEY").
  /// - Throws: `inputMissing`; `invalidData` where the file is damaged; `usage` for a public key, an
  ///   encrypted key or a key of another algorithm.
  public init(path: String) throws(Failure) {
    try self.init(try PEMText(path: path), file: path)
  }

  init(_ pem: PEMText, file: String) throws(Failure) {
    func damaged() -> Failure {
      Failure(.invalidData, file: file, "its private key isn't in DER")
    }
    switch pem.label {
    case "EC PRIVATE KEY":
      secret = .ecdsaP256(try Self.curveKey(pem.bytes, isCurveKnown: false, file))
    case "PRIVATE KEY":
      guard let info = try? PrivateKeyInfo(derEncoded: pem.bytes) else { throw damaged() }
      guard let algorithm = info.kind.algorithm else { throw info.kind.unsupported(file) }
      switch algorithm {
      case .ecdsaP256: secret = .ecdsaP256(try Self.curveKey(info.key, isCurveKnown: true, file))
      case .ed25519:
        guard let seed = try? ASN1OctetString(derEncoded: info.key),
          let secret = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed.bytes)
        else { throw damaged() }
        self.secret = .ed25519(secret)
      }
    default: throw Self.refusal(pem.label, file)
    }
  }

  /// Reads the DER of a key on P-256, which names its curve unless that is known.
  private static func curveKey(
    _ encoded: [UInt8], isCurveKnown: Bool, _ file: String
  ) throws(Failure) -> P256.Signing.PrivateKey {
    func damaged(_ finding: String = "its private key isn't in DER") -> Failure {
      Failure(.invalidData, file: file, finding)
    }
    guard let key = try? CurvePrivateKey(derEncoded: encoded) else { throw damaged() }
    if let curve = key.curve {
      guard curve.algorithm != nil else { throw curve.unsupported(file) }
    } else if !isCurveKnown {
      throw damaged("its private key names no curve")
    }
    guard let secret = try? P256.Signing.PrivateKey(rawRepresentation: key.number) else {
      throw damaged("its number is no private key of the curve P-256")
    }
    if let stated = key.point {
      guard
        VerifyingKey(.ecdsaP256, encoded: stated)
          == VerifyingKey(.ecdsaP256, point: Array(secret.publicKey.x963Representation))
      else { throw damaged("its public key doesn't belong to its private key") }
    }
    return secret
  }

  private static func refusal(_ label: String, _ file: String) -> Failure {
    switch label {
    case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
      Failure(
        .usage, file: file,
        "is a \(label == "CERTIFICATE" ? "certificate" : "public key"), where the private key is needed"
      )
    case "ENCRYPTED PRIVATE KEY": Failure.encryptedKey(file)
    case "RSA PRIVATE KEY": KeyKind.unsupported("an RSA key", file)
    case "DSA PRIVATE KEY": KeyKind.unsupported("a DSA key", file)
    case "OPENSSH PRIVATE KEY":
      Failure(
        .usage, file: file, "is a key in OpenSSH's form, where PKCS#8 is needed",
        advice: "make a key: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`")
    default: Failure(.usage, file: file, "is no private key: its label is \"\(label)\"")
    }
  }

  /// The public part.
  public var verifyingKey: VerifyingKey {
    switch secret {
    case .ecdsaP256(let key):
      VerifyingKey(.ecdsaP256, point: Array(key.publicKey.x963Representation))
    case .ed25519(let key):
      VerifyingKey(.ed25519, point: Array(key.publicKey.rawRepresentation))
    }
  }

  /// The signature of `message`, 64 bytes; of two ECDSA signatures the one with the lower s. ECDSA
  /// draws a random number, so that two signatures of one message differ; Ed25519's don't.
  /// - Throws: `internalError` where the library refuses.
  public func signature(of message: [UInt8]) throws(Failure) -> [UInt8] {
    switch secret {
    case .ecdsaP256: return try ecdsa(message).low.raw
    case .ed25519(let key):
      do { return Array(try key.signature(for: message)) } catch { throw Self.failure(error) }
    }
  }

  /// The ECDSA signature of `message` in DER, as file signatures hold it.
  /// - Throws: `usage` for another algorithm.
  public func derSignature(of message: [UInt8]) throws(Failure) -> [UInt8] {
    try ecdsa(message).low.der
  }

  private func ecdsa(_ message: [UInt8]) throws(Failure) -> ECDSASignature {
    guard case .ecdsaP256(let key) = secret else {
      throw Failure(
        .usage, "an Ed25519 key can't sign a file: OpenSSF Model Signing takes ECDSA alone",
        advice: "sign the file with a P-256 key")
    }
    do {
      let signature = try key.signature(for: message)
      guard let parsed = ECDSASignature(raw: Array(signature.rawRepresentation)) else {
        throw Failure(.internalError, "an ECDSA signature of a wrong size")
      }
      return parsed
    } catch let failure as Failure {
      throw failure
    } catch { throw Self.failure(error) }
  }

  private static func failure(_ error: any Error) -> Failure {
    Failure(.internalError, "signing failed: \(error)")
  }
}
