import SwiftASN1

/// A public key with its algorithm: SubjectPublicKeyInfo (RFC 5280).
struct PublicKeyInfo: DERParseable {
  let kind: KeyKind
  /// The key in the form of its algorithm.
  let key: [UInt8]

  init(derEncoded node: ASN1Node) throws {
    self = try DER.sequence(node, identifier: .sequence) { nodes in
      let kind = try KeyKind(derEncoded: &nodes)
      return Self(kind: kind, key: try Self.wholeBytes(ASN1BitString(derEncoded: &nodes)))
    }
  }

  private init(kind: KeyKind, key: [UInt8]) {
    self.kind = kind
    self.key = key
  }

  /// The bytes of a bit string.
  /// - Throws: if its length isn't a multiple of eight bits.
  static func wholeBytes(_ bits: ASN1BitString) throws -> [UInt8] {
    guard bits.paddingBits == 0 else {
      throw ASN1Error.invalidASN1Object(reason: "a key with \(bits.paddingBits) unused bits")
    }
    return Array(bits.bytes)
  }
}

/// A private key with its algorithm: PKCS#8's OneAsymmetricKey (RFC 5958).
struct PrivateKeyInfo: DERParseable {
  let kind: KeyKind
  /// The key in the form of its algorithm.
  let key: [UInt8]

  init(derEncoded node: ASN1Node) throws {
    self = try DER.sequence(node, identifier: .sequence) { nodes in
      _ = try UInt8(derEncoded: &nodes)  // the version
      let kind = try KeyKind(derEncoded: &nodes)
      let key = try ASN1OctetString(derEncoded: &nodes)
      // Attributes and the public key may follow.
      while nodes.next() != nil {}
      return Self(kind: kind, key: Array(key.bytes))
    }
  }

  private init(kind: KeyKind, key: [UInt8]) {
    self.kind = kind
    self.key = key
  }
}

/// A private key on a curve: SEC1's ECPrivateKey (RFC 5915).
struct CurvePrivateKey: DERParseable {
  /// The secret number, big-endian.
  let number: [UInt8]
  /// The curve; nil where it isn't named.
  let curve: KeyKind?
  /// The public key's point; nil where it isn't stated.
  let point: [UInt8]?

  init(derEncoded node: ASN1Node) throws {
    self = try DER.sequence(node, identifier: .sequence) { nodes in
      guard try UInt8(derEncoded: &nodes) == 1 else {
        throw ASN1Error.invalidASN1Object(reason: "a key of an unknown version")
      }
      let number = try ASN1OctetString(derEncoded: &nodes)
      let curve = try DER.optionalExplicitlyTagged(
        &nodes, tagNumber: 0, tagClass: .contextSpecific
      ) { KeyKind(curveOrParameters: $0) }
      let point = try DER.optionalExplicitlyTagged(
        &nodes, tagNumber: 1, tagClass: .contextSpecific
      ) { try PublicKeyInfo.wholeBytes(ASN1BitString(derEncoded: $0)) }
      return Self(number: Array(number.bytes), curve: curve, point: point)
    }
  }

  private init(number: [UInt8], curve: KeyKind?, point: [UInt8]?) {
    self.number = number
    self.curve = curve
    self.point = point
  }
}
