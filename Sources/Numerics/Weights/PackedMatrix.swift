import Bytes
import CKernels
import Synchronization

/// A quantized weight matrix [rows, columns]: codes of 2, 3, 4 or 8 bits and a float16 scale per
/// group of columns, in the bundle's planar layout (see CKernels/include/unpack_planar.h).
///
/// w = (code − zero)·scale·2^scaleExponent. In a sparse matrix only the kept weights, the
/// survivors, have codes; the others are exactly 0.
package struct PackedMatrix: Sendable {
  package let rows: Int
  package let columns: Int
  /// Bits per code: 2, 3, 4 or 8.
  package let bits: Int
  /// Columns per scale; the last group of a row may be shorter.
  package let groupSize: Int
  /// The packed codes: row after row in whole blocks of 64, or one stream of a sparse matrix's
  /// survivors.
  package let codes: ByteSlice
  /// Float16 scales, [rows, groups].
  package let scales: ByteSlice
  /// Zero points, packed like codes over the flattened [rows·groups]; nil means 2^(bits − 1) for
  /// all.
  package let zeros: ByteSlice?
  /// One bit per weight, 1 = kept, each row padded to 64 with zero bits; nil without a mask.
  package let mask: ByteSlice?
  /// The survivors under n:m sparsity, in place of a mask; nil without n:m sparsity.
  package let index: SurvivorIndex?
  /// The exponent of a power of two that multiplies every scale, −60 … 60.
  package let scaleExponent: Int
  /// Whether the rows of a sparse matrix are interleaved, sixteen to a tile (Formats/packing.md).
  /// The order of its parts is given in unpack_planar.h.
  package let interleaved: Bool
  /// The number of weights with a code.
  package let survivors: Int
  let view: View

  /// Checks the sizes of the parts against the shape, and the mask's padding.
  ///
  /// - Throws: `invalidData` if a part doesn't fit the shape.
  package init(
    rows: Int, columns: Int, bits: Int, groupSize: Int, codes: ByteSlice, scales: ByteSlice,
    zeros: ByteSlice? = nil, mask: ByteSlice? = nil, index: SurvivorIndex? = nil,
    scaleExponent: Int = 0, interleaved: Bool = false
  ) throws(Failure) {
    guard [2, 3, 4, 8].contains(bits) else {
      throw Failure(
        .invalidData, "a packed matrix has \(bits)-bit codes; 2, 3, 4 and 8 bits are supported")
    }
    guard (1...1 << 31).contains(rows), (1...1 << 31).contains(columns),
      rows.multipliedReportingOverflow(by: columns).partialValue <= 1 << 40, groupSize >= 1
    else {
      throw Failure(
        .invalidData, "a packed matrix of \(rows) × \(columns) in groups of \(groupSize)")
    }
    let exponents = StoredScale.exponents
    guard exponents.contains(scaleExponent) else {
      throw Failure(
        .invalidData,
        "a scale exponent of \(scaleExponent); −\(exponents.lowerBound.magnitude) to "
          + "\(exponents.upperBound) are allowed")
    }
    if interleaved {
      let whole = rows % 16 == 0 && columns % 64 == 0 && min(groupSize, columns) % 64 == 0
      guard whole, mask != nil || index?.pattern.of == 4 else {
        throw Failure(
          .invalidData,
          "rows of \(rows) × \(columns) in groups of \(groupSize) can't be interleaved")
      }
    }
    // Rows of the matrix per row of the stored mask.
    let tile = interleaved ? 16 : 1
    let size = PackedSize(rows: rows, columns: columns, bits: bits, groupSize: groupSize)
    try Self.require(scales, size.scales, "scales")
    if let zeros { try Self.require(zeros, size.zeros, "zeros") }
    let survivors: Int
    var rowStarts: [Int64] = []
    if let mask {
      try Self.require(mask, size.mask, "mask")
      rowStarts = try Self.countSurvivors(mask, rows: rows / tile, columns: columns * tile)
      survivors = Int(rowStarts[rows / tile])
      try Self.require(codes, size.codes(survivors: survivors), "codes")
    } else if let index {
      let pattern = index.pattern
      survivors = rows * pattern.survivors(columns: columns)
      let groups = rows * pattern.groups(columns: columns)
      try Self.require(index.ranks, (groups * pattern.rankBits + 7) / 8, "survivor index")
      try Self.require(codes, size.codes(survivors: survivors), "codes")
    } else {
      survivors = rows * columns
      try Self.require(codes, size.codes, "codes")
    }
    guard mask == nil || index == nil else {
      throw Failure(.invalidData, "a packed matrix has both a mask and a survivor index")
    }
    self.rows = rows
    self.columns = columns
    self.bits = bits
    self.groupSize = groupSize
    self.codes = codes
    self.scales = scales
    self.zeros = zeros
    self.mask = mask
    self.index = index
    self.scaleExponent = scaleExponent
    self.interleaved = interleaved
    self.survivors = survivors
    view = unsafe View(
      Self.describe(
        rows: rows, columns: columns, bits: bits, groupSize: groupSize,
        scaleExponent: scaleExponent, interleaved: interleaved, codes: codes, scales: scales,
        zeros: zeros, mask: mask, index: index), rowStarts: rowStarts)
  }

  private static func require(_ part: ByteSlice, _ size: Int, _ name: String) throws(Failure) {
    guard part.count == size else {
      throw Failure(
        .invalidData, "the \(name) take \(part.count) bytes; the matrix's shape needs \(size)")
    }
  }

  /// Returns the number of survivors before each row, and the total as the last element.
  ///
  /// - Throws: `invalidData` if a row's padding bits aren't zero.
  private static func countSurvivors(
    _ mask: ByteSlice, rows: Int, columns: Int
  ) throws(Failure) -> [Int64] {
    let rowBytes = (columns + 63) / 64 * 8
    let grain = max(1, (1 << 18) / rowBytes)
    let parts = (rows + grain - 1) / grain
    var starts = [Int64](repeating: 0, count: rows + 1)
    let wrong = Mutex<Int?>(nil)
    unsafe mask.withUnsafeBytes { bytes in
      guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      nonisolated(unsafe) let first = unsafe base
      unsafe starts.withUnsafeMutableBufferPointer { counts in
        nonisolated(unsafe) let counts = unsafe counts
        Parallel.forEach(parts) { part in
          let range = part * grain..<min(rows, (part + 1) * grain)
          guard let place = unsafe counts.baseAddress else { return }
          let clean = unsafe ctk_count_mask(
            first + range.lowerBound * rowBytes, range.count, columns,
            place + 1 + range.lowerBound)
          if clean < range.count {
            wrong.withLock { $0 = min($0 ?? .max, range.lowerBound + clean) }
          }
        }
      }
    }
    if let row = wrong.withLock({ $0 }) {
      throw Failure(
        .invalidData, "row \(row) of the mask has bits set beyond its \(columns) columns")
    }
    for row in 0..<rows { starts[row + 1] += starts[row] }
    return starts
  }

  /// Calls `body` with the C description of this matrix.
  package func withDescription(_ body: (UnsafePointer<ctk_packed>) -> Void) {
    unsafe body(view.pointer)
    withExtendedLifetime(self) {}
  }

  /// The C description of a matrix at a fixed address, shared by all copies of the matrix.
  @safe final class View: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<ctk_packed>
    private let starts: UnsafeMutableBufferPointer<Int64>

    init(_ packed: ctk_packed, rowStarts: [Int64]) {
      unsafe starts = .allocate(capacity: rowStarts.count)
      _ = unsafe starts.initialize(from: rowStarts)
      unsafe pointer = .allocate(capacity: 1)
      unsafe pointer.initialize(to: packed)
      unsafe pointer.pointee.row_starts = UnsafePointer(starts.baseAddress)
    }

    deinit {
      unsafe starts.deallocate()
      unsafe pointer.deallocate()
    }
  }

  private static func describe(
    rows: Int, columns: Int, bits: Int, groupSize: Int, scaleExponent: Int, interleaved: Bool,
    codes: ByteSlice, scales: ByteSlice, zeros: ByteSlice?, mask: ByteSlice?,
    index: SurvivorIndex?
  ) -> ctk_packed {
    var view = unsafe ctk_packed()
    unsafe view.rows = rows
    unsafe view.columns = columns
    unsafe view.bits = Int32(bits)
    unsafe view.group_size = min(groupSize, columns)
    unsafe view.scale_exponent = Int32(scaleExponent)
    unsafe view.interleaved = interleaved ? 1 : 0
    // The pointers stay valid because the matrix holds the slices.
    unsafe view.codes = base(codes)
    unsafe view.scales = base(scales)
    unsafe view.zeros = zeros.flatMap { unsafe base($0) }
    unsafe view.mask = mask.flatMap { unsafe base($0) }
    if let index {
      unsafe view.ranks = base(index.ranks)
      unsafe view.kept = Int32(index.pattern.kept)
      unsafe view.of = Int32(index.pattern.of)
      unsafe view.rank_bits = Int32(index.pattern.rankBits)
    }
    return unsafe view
  }

  private static func base(_ slice: ByteSlice) -> UnsafePointer<UInt8>? {
    unsafe slice.withUnsafeBytes { unsafe $0.baseAddress?.assumingMemoryBound(to: UInt8.self) }
  }
}

/// The survivors of an n:m pattern: for each group of columns the rank of the kept combination,
/// Σ C(pᵢ, i) over its ascending positions, as a bit stream without gaps, lowest bit first.
package struct SurvivorIndex: Sendable {
  package let pattern: NMPattern
  /// The ranks, `pattern.rankBits` bits per group, groups in row-major order.
  package let ranks: ByteSlice

  package init(_ pattern: NMPattern, ranks: ByteSlice) {
    self.pattern = pattern
    self.ranks = ranks
  }
}

/// The sizes of a packed matrix's parts in bytes.
struct PackedSize {
  let rows: Int
  let columns: Int
  let bits: Int
  let groupSize: Int

  var groups: Int { (columns - 1) / groupSize + 1 }
  var codes: Int { rows * ((columns + 63) / 64) * 8 * bits }
  var scales: Int { rows * groups * 2 }
  var zeros: Int { codes(survivors: rows * groups) }
  var mask: Int { rows * ((columns + 63) / 64) * 8 }
  func codes(survivors: Int) -> Int { (survivors + 63) / 64 * 8 * bits }
}
