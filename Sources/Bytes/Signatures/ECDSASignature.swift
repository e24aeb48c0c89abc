import SwiftASN1

/// The two numbers of an ECDSA P-256 signature.
///
/// (r, s) and (r, n − s) are valid for the same message. Bundles hold only the one with the lower s,
/// so that a signature can't be turned into another one; file signatures of other programs hold
/// either.
struct ECDSASignature {
  /// r, then s, each 32 big-endian bytes.
  private(set) var raw: [UInt8]

  /// The order n of the curve's base point.
  private static let order: [UInt8] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
  ]
  /// (n − 1) / 2, the largest s that counts as low.
  private static let half: [UInt8] = [
    0x7F, 0xFF, 0xFF, 0xFF, 0x80, 0x00, 0x00, 0x00, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xDE, 0x73, 0x7D, 0x56, 0xD3, 0x8B, 0xCF, 0x42, 0x79, 0xDC, 0xE5, 0x61, 0x7E, 0x31, 0x92, 0xA8,
  ]

  /// nil unless there are 64 bytes.
  init?(raw: [UInt8]) {
    guard raw.count == SignatureAlgorithm.signatureSize else { return nil }
    self.raw = raw
  }

  /// Reads the SEQUENCE of two INTEGERs that files hold; nil where it isn't strict DER.
  init?(der: [UInt8]) {
    let pair = try? DER.sequence(DER.parse(der), identifier: .sequence) { nodes in
      [try ArraySlice<UInt8>(derEncoded: &nodes), try ArraySlice<UInt8>(derEncoded: &nodes)]
    }
    guard let pair, pair.allSatisfy({ $0.count <= 32 }) else { return nil }
    raw = pair.flatMap { [UInt8](repeating: 0, count: 32 - $0.count) + $0 }
  }

  /// The SEQUENCE of two INTEGERs that files hold.
  var der: [UInt8] {
    var serializer = DER.Serializer()
    do {
      try serializer.appendConstructedNode(identifier: .sequence) { pair in
        try pair.serialize(raw[..<32])
        try pair.serialize(raw[32...])
      }
    } catch { preconditionFailure("integers can't be encoded: \(error)") }
    return serializer.serializedBytes
  }

  private var s: [UInt8] { Array(raw[32...]) }

  /// Whether s is at most (n − 1) / 2.
  var isLow: Bool { !Self.half.lexicographicallyPrecedes(s) }

  /// The valid signature with the other s.
  var negated: ECDSASignature {
    var difference = [UInt8](repeating: 0, count: 32)
    var borrow = 0
    for (at, byte) in s.enumerated().reversed() {
      let value = Int(Self.order[at]) - Int(byte) - borrow
      borrow = value < 0 ? 1 : 0
      difference[at] = UInt8(truncatingIfNeeded: value)
    }
    var copy = self
    copy.raw.replaceSubrange(32..., with: difference)
    return copy
  }

  /// The valid signature with the lower s.
  var low: ECDSASignature { isLow ? self : negated }
}
