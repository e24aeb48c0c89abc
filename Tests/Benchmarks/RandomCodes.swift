import BundleFormat
import Bytes
import Models
import Numerics

/// A packed matrix [rows, columns] of random codes in groups of 64. The cost of products doesn't depend on
/// the codes' values.
struct RandomCodes {
  /// The share and pattern of zero weights.
  enum Sparsity: String, CaseIterable {
    case none
    /// About half of the weights, with a bitmask.
    case half
    /// Two of every four weights.
    case twoOfFour
  }

  let rows: Int
  let columns: Int
  let bits: Int
  let sparsity: Sparsity
  let stored: StoredTensor

  init(rows: Int, columns: Int, bits: Int, sparsity: Sparsity) throws {
    (self.rows, self.columns, self.bits, self.sparsity) = (rows, columns, bits, sparsity)
    var random = SeededGenerator(seed: UInt64(rows * 7 + columns))
    let groups = (columns + 63) / 64
    var survivors = rows * columns
    var mask: StoredTensor.Mask?
    switch sparsity {
    case .none: break
    case .half:
      let words = (0..<rows * groups).map { _ in random.next() }
      survivors = words.reduce(0) { $0 + $1.nonzeroBitCount }
      mask = .bitmask(
        ByteSlice(words.flatMap { word in (0..<8).map { UInt8(word >> (8 * $0) & 255) } }))
    case .twoOfFour:
      survivors /= 2
      guard let kept = NMPattern(kept: 2, of: 4) else {
        throw Failure(.internalError, "2 of 4")
      }
      // Eight ranks of three bits are stored in three bytes.
      let bytes = (0..<rows * columns / 32).flatMap { _ in
        let ranks = (0..<8).reduce(0) { $0 | random.below(6) << (3 * $1) }
        return (0..<3).map { UInt8(ranks >> (8 * $0) & 255) }
      }
      mask = .nm(kept, ByteSlice(bytes))
    }
    let blocks = sparsity == .none ? rows * groups : (survivors + 63) / 64
    var codes = [UInt8](repeating: 0, count: blocks * 8 * bits)
    for i in codes.indices { codes[i] = UInt8(truncatingIfNeeded: random.next() >> 20) }
    if sparsity != .none, survivors % 64 != 0 {
      Self.clearPadding(&codes, bits: bits, used: survivors % 64)
    }
    // Scales of about 2⁻⁹, so that nothing overflows in a deep model.
    let scales = (0..<rows * groups).flatMap { _ -> [UInt8] in [UInt8(random.below(256)), 0x18] }
    var zeros = [UInt8](repeating: 0, count: (rows * groups + 63) / 64 * 8 * bits)
    let full = rows * groups / 64 * 8 * bits
    for i in 0..<full { zeros[i] = bits == 4 ? 0x88 : UInt8(truncatingIfNeeded: random.next()) }
    stored = try .packed(
      name: "random", shape: [rows, columns], bits: bits, groupSize: 64, codes: ByteSlice(codes),
      scales: ByteSlice(scales), zeros: ByteSlice(zeros), mask: mask,
      interleaved: mask != nil && rows % 16 == 0)
  }

  /// The matrix for products.
  var matrix: PackedMatrix { get throws { try PackedMatrix(stored) } }

  /// The stored tensor under another name.
  func named(_ name: String) -> StoredTensor {
    var copy = stored
    copy.descriptor.name = name
    return copy
  }

  /// Sets the codes of the last block beyond the first `used` to 0.
  private static func clearPadding(_ codes: inout [UInt8], bits: Int, used: Int) {
    let start = codes.count - 8 * bits
    let last = Planar.unpack(ByteSlice(Array(codes[start...])), count: 64, bits: bits)
    let kept = last.enumerated().map { $0.offset < used ? $0.element : 0 }
    codes.replaceSubrange(start..., with: Planar.pack(kept, bits: bits))
  }
}
