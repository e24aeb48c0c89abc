import Bytes
import CKernels

/// Products of weights with one or a few rows of activations, as in decoding token by token. They
/// are memory-bound, so each weight is read once per pass. Matrices that read the same rows share
/// one parallel loop.
package enum DecodeProducts {
  /// The most rows of activations that are multiplied this way, in passes of `passRows`. More rows
  /// go through the tiled products, which decode each weight once for all rows.
  package static let maxRows = Int(ctk_decode_max_rows)

  /// The most rows of activations that one pass over the weights multiplies.
  private static let passRows = Int(ctk_decode_pass_rows)

  /// Computes output = x·Wᵀ for each pair: x [m, inputs] with m ≤ `maxRows`, output [m, outputs].
  ///
  /// In bfloat16, packed codes are multiplied in integers, with activations rounded to 16 bits (an
  /// error of at most 2⁻¹⁶ of the largest of 64 neighbours). That is finer than bfloat16 and needs
  /// only AVX2 or NEON. In float32, operands and sums are float32.
  package static func multiply(
    _ x: Tensor, _ products: [(weight: Weight, output: Tensor)], arithmetic: Arithmetic
  ) {
    for (weight, output) in products {
      precondition(
        x.rows <= maxRows && x.columns == weight.columns && output.rows == x.rows
          && output.columns == weight.rows && !output.isReadOnly,
        "\(x.shape) through weights [\(weight.rows), \(weight.columns)] into \(output.shape)")
    }
    for start in stride(from: 0, to: x.rows, by: passRows) {
      let some = start..<min(x.rows, start + passRows)
      let jobs = DecodeJobs()
      for (weight, output) in products where weight.rows > 0 {
        if !jobs.add(weight, x.rows(some), output.rows(some), arithmetic) {
          inFloat32(weight, x.rows(some), output.rows(some))
        }
      }
      jobs.run()
    }
  }

  /// Computes output = x·Wᵀ in float32, with the weights dequantized some rows at a time.
  private static func inFloat32(_ weight: Weight, _ x: Tensor, _ output: Tensor) {
    // Interleaved rows are dequantized sixteen at a time.
    let (m, columns, atOnce) = (x.rows, weight.columns, weight.isInterleaved ? 16 : 8)
    Parallel.ranges(weight.rows, grain: 64) { rows in
      unsafe withUnsafeTemporaryAllocation(
        of: Float.self, capacity: weight.isDense ? 1 : atOnce * columns
      ) { scratch in
        guard let scratch = scratch.baseAddress else { return }
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: atOnce) {
          let some = start..<min(rows.upperBound, start + atOnce)
          let weights = unsafe weight.floats(some, scratch: scratch)
          for row in some {
            unsafe ctk_dot_rows(
              weights + (row - start) * columns, x.pointer, columns, m, columns,
              output.pointer + row, weight.rows, 0)
          }
        }
      }
    }
  }
}

/// Several products in the kernels' structs, at addresses that stay fixed while they run, so that
/// the parallel pieces need no reference counting.
@safe private final class DecodeJobs {
  private var weights: [UnsafeMutablePointer<ctk_weight>] = unsafe []
  private var inputs: [Int: RoundedRows] = [:]
  private var jobs: [ctk_decode_job] = unsafe []
  private var rows = 0
  private var kept: [(Weight, Tensor, Tensor)] = []

  /// Adds a product; returns false if there is no kernel for it.
  func add(_ weight: Weight, _ x: Tensor, _ output: Tensor, _ arithmetic: Arithmetic) -> Bool {
    var rounded: RoundedRows?
    switch weight {
    case .dense, .stored(.float32, _, _, _): return false
    case .stored: if ctk_has_decode_kernels() == 0 { return false }
    case .packed(let matrix):
      guard let group = matrix.groupOfCodes(arithmetic) else { return false }
      if inputs[group] == nil { inputs[group] = RoundedRows(x, group: group) }
      rounded = inputs[group]
    }
    let place = UnsafeMutablePointer<ctk_weight>.allocate(capacity: 1)
    unsafe place.initialize(to: weight.view)
    unsafe weights.append(place)
    unsafe jobs.append(
      ctk_decode_job(
        weight: place, rounded: rounded?.pointer, x: x.pointer, ldx: x.columns, rows: x.rows,
        y: output.pointer, ldy: weight.rows))
    rows += weight.rows
    kept.append((weight, x, output))
    return true
  }

  /// Runs all products in one parallel loop over their weight rows.
  func run() {
    unsafe jobs.withUnsafeBufferPointer { all in
      nonisolated(unsafe) let all = unsafe all
      // Pieces are long runs of rows, so that a core doesn't prefetch what another core reads.
      // Results don't depend on the cuts; at multiples of 16, no interleaved tile is computed
      // twice.
      let pieces = max(1, min(2 * Parallel.threads, rows / 16))
      let rows = rows
      @Sendable func cut(_ piece: Int) -> Int {
        piece == pieces ? rows : rows * piece / pieces / 16 * 16
      }
      Parallel.forEach(pieces) { piece in
        unsafe ctk_decode_run(all.baseAddress, all.count, cut(piece), cut(piece + 1))
      }
    }
    withExtendedLifetime(kept) {}
  }

  deinit {
    for index in unsafe weights.indices { unsafe weights[index].deallocate() }
  }
}

extension PackedMatrix {
  /// The quantization group size, if the decode kernels can multiply the codes; nil otherwise.
  fileprivate func groupOfCodes(_ arithmetic: Arithmetic) -> Int? {
    let group = min(groupSize, columns)
    guard arithmetic == .bfloat16, ctk_has_decode_kernels() != 0, ctk_decode_takes_group(group) != 0
    else {
      return nil
    }
    return group
  }
}

/// Rows of activations as 16-bit integers, each stored as two bytes (CKernels/include/decode.h),
/// with their sums over the quantization groups of the weights.
@safe private final class RoundedRows {
  let pointer: UnsafeMutablePointer<ctk_decode_inputs>
  private let storage: FloatStorage

  init(_ x: Tensor, group: Int) {
    let (rows, columns) = (x.rows, x.columns)
    let runs = (columns + 63) / 64
    let groups = (columns + group - 1) / group
    storage = FloatStorage(count: rows * (32 * runs + runs + groups), zeroed: false)
    let values = unsafe UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: Int8.self)
    let scales = unsafe storage.pointer + rows * 32 * runs
    let sums = unsafe scales + rows * runs
    unsafe ctk_decode_round(x.pointer, columns, rows, columns, group, values, scales, sums)
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(
      to: ctk_decode_inputs(
        rows: rows, columns: columns, values: values, scales: scales, group_sums: sums))
  }

  deinit { unsafe pointer.deallocate() }
}
