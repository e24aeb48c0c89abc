import Crypto
import FoundationEssentials

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
    var reader = DERReader(pem.bytes)
    switch pem.label {
    case "EC PRIVATE KEY":
      secret = .ecdsaP256(try Self.curveKey(&reader, isCurveKnown: false, file))
    case "PRIVATE KEY":
      // RFC 5958: version, algorithm, key; attributes and the public key may follow.
      guard var info = reader.read(.sequence), reader.isAtEnd, info.unsigned(width: 1) != nil,
        let kind = KeyKind(&info), var key = info.read(.octetString)
      else { throw damaged() }
      guard let algorithm = kind.algorithm else { throw KeyKind.unsupported(kind.label, file) }
      switch algorithm {
      case .ecdsaP256: secret = .ecdsaP256(try Self.curveKey(&key, isCurveKnown: true, file))
      case .ed25519:
        guard let seed = key.read(.octetString)?.bytes, key.isAtEnd,
          let secret = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        else { throw damaged() }
        self.secret = .ed25519(secret)
      }
    default: throw Self.refusal(pem.label, file)
    }
  }

  /// Reads an ECPrivateKey (RFC 5915): version 1, the number, and perhaps the curve and the public
  /// key.
  private static func curveKey(
    _ reader: inout DERReader, isCurveKnown: Bool, _ file: String
  ) throws(Failure) -> P256.Signing.PrivateKey {
    func damaged(_ finding: String = "its private key isn't in DER") -> Failure {
      Failure(.invalidData, file: file, finding)
    }
    guard var key = reader.read(.sequence), reader.isAtEnd, key.unsigned(width: 1) == [1],
      let number = key.read(.octetString)?.bytes
    else { throw damaged() }
    if var parameters = key.read(.context0) {
      guard let curve = parameters.read(.objectIdentifier) else {
        throw KeyKind.unsupported(KeyKind.unnamedCurve, file)
      }
      let kind = KeyKind(curve: curve.bytes)
      guard kind.algorithm != nil else { throw KeyKind.unsupported(kind.label, file) }
    } else if !isCurveKnown {
      throw damaged("its private key names no curve")
    }
    guard let secret = try? P256.Signing.PrivateKey(rawRepresentation: number) else {
      throw damaged("its number is no private key of the curve P-256")
    }
    if var field = key.read(.context1) {
      guard let stated = field.wholeBytes(),
        VerifyingKey(.ecdsaP256, encoded: stated)
          == VerifyingKey(.ecdsaP256, point: Array(secret.publicKey.x963Representation))
      else { throw damaged("its public key doesn't belong to its private key") }
    }
    guard key.isAtEnd else { throw damaged() }
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
