import SwiftASN1

/// The algorithm and curve of a key, by object identifiers.
struct KeyKind {
  private static let curves: [ASN1ObjectIdentifier: String] = [
    [1, 2, 840, 10045, 3, 1, 7]: "P-256", [1, 3, 132, 0, 34]: "P-384", [1, 3, 132, 0, 35]: "P-521",
    [1, 3, 132, 0, 10]: "secp256k1",
  ]
  private static let others: [ASN1ObjectIdentifier: String] = [
    [1, 2, 840, 113549, 1, 1, 1]: "an RSA", [1, 2, 840, 113549, 1, 1, 10]: "an RSA",
    [1, 3, 101, 110]: "an X25519", [1, 3, 101, 113]: "an Ed448", [1, 2, 840, 10040, 4, 1]: "a DSA",
  ]
  private static let ellipticCurve: ASN1ObjectIdentifier = [1, 2, 840, 10045, 2, 1]
  private static let edwards: ASN1ObjectIdentifier = [1, 3, 101, 112]

  private static let otherCurve = "an EC key on another curve"

  /// nil for a kind of key that can't be used.
  let algorithm: SignatureAlgorithm?
  /// The kind with its article: "an EC key on the curve P-384".
  let label: String

  private init(_ algorithm: SignatureAlgorithm?, _ label: String) {
    self.algorithm = algorithm
    self.label = label
  }

  /// The kind of a key that states a curve's parameters in full.
  static let unnamedCurve = KeyKind(
    nil, "an EC key with parameters of its own instead of a named curve")

  /// The key on the curve with the object identifier `curve`.
  init(curve: ASN1ObjectIdentifier) {
    let name = Self.curves[curve]
    self.init(
      name == "P-256" ? .ecdsaP256 : nil,
      name.map { "an EC key on the curve \($0)" } ?? Self.otherCurve)
  }

  /// The refusal of a kind of key that can't be used.
  func unsupported(_ file: String) -> Failure { Self.unsupported(label, file) }

  /// The refusal of a key that can't be used; `label` is its kind with an article.
  static func unsupported(_ label: String, _ file: String) -> Failure {
    Failure(
      .usage, file: file, "is \(label); signatures are made with ECDSA P-256 or Ed25519",
      advice: "make a key: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`")
  }
}

extension KeyKind: DERParseable {
  /// Reads an AlgorithmIdentifier (RFC 5280).
  init(derEncoded node: ASN1Node) throws {
    self = try DER.sequence(node, identifier: .sequence) { nodes in
      let name = try ASN1ObjectIdentifier(derEncoded: &nodes)
      let parameters = nodes.next()
      if name == Self.ellipticCurve {
        return parameters.map { Self(curveOrParameters: $0) } ?? Self.unnamedCurve
      }
      if name == Self.edwards, parameters == nil { return Self(.ed25519, "an Ed25519 key") }
      while nodes.next() != nil {}
      return Self(nil, (Self.others[name] ?? "another kind of") + " key")
    }
  }

  /// The curve's name, or its parameters.
  init(curveOrParameters node: ASN1Node) {
    if let curve = try? ASN1ObjectIdentifier(derEncoded: node) {
      self.init(curve: curve)
    } else if node.identifier == .objectIdentifier {
      // An identifier with a number that the library can't hold.
      self.init(nil, Self.otherCurve)
    } else {
      self = Self.unnamedCurve
    }
  }
}
