import Bytes
import CKernels

/// Products with a few rows of inputs (tokens being generated), where the time is what it takes to
/// read the weights. Several matrices that read the same rows share one parallel loop.
package enum FewRows {
  /// More rows than this go through the tiled products.
  package static let most = 8

  /// output = x·Wᵀ for each pair, x [m, inputs] with m ≤ 8, outputs [m, outputs].
  ///
  /// Where bfloat16 is asked for, codes are multiplied as they are with inputs rounded to 16 bits (to
  /// 2⁻¹⁶ of the largest of 64 neighbours), which is finer than bfloat16 and which more processors
  /// have: AVX2 and NEON are enough. In float32 everything is float32.
  package static func multiply(
    _ x: Tensor, _ products: [(weight: Weight, output: Tensor)], arithmetic: Arithmetic
  ) {
    for (weight, output) in products {
      precondition(
        x.rows <= most && x.columns == weight.columns && output.rows == x.rows
          && output.columns == weight.rows && !output.isReadOnly,
        "\(x.shape) through weights [\(weight.rows), \(weight.columns)] into \(output.shape)")
    }
    let step = Int(ctk_few_rows)
    for start in stride(from: 0, to: x.rows, by: step) {
      let some = start..<min(x.rows, start + step)
      let jobs = FewJobs()
      for (weight, output) in products where weight.rows > 0 {
        if !jobs.add(weight, x.rows(some), output.rows(some), arithmetic) {
          inFloat32(weight, x.rows(some), output.rows(some))
        }
      }
      jobs.run()
    }
  }

  /// Row by row of the weights, decoded some at a time.
  private static func inFloat32(_ weight: Weight, _ x: Tensor, _ output: Tensor) {
    // Rows that are interleaved are decoded sixteen at a time.
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

/// The kernels' view of several products, at places that stay while they run: pieces of work are
/// taken without a look at anything of Swift's.
@safe private final class FewJobs {
  private var weights: [UnsafeMutablePointer<ctk_weight>] = unsafe []
  private var inputs: [Int: RoundedRows] = [:]
  private var jobs: [ctk_few_job] = unsafe []
  private var rows = 0
  private var kept: [(Weight, Tensor, Tensor)] = []

  /// False where the kernels have nothing for such a product.
  func add(_ weight: Weight, _ x: Tensor, _ output: Tensor, _ arithmetic: Arithmetic) -> Bool {
    var rounded: RoundedRows?
    switch weight {
    case .dense, .stored(.float32, _, _, _): return false
    case .stored: if ctk_has_few_products() == 0 { return false }
    case .packed(let matrix):
      guard let group = matrix.groupOfCodes(arithmetic) else { return false }
      if inputs[group] == nil { inputs[group] = RoundedRows(x, group: group) }
      rounded = inputs[group]
    }
    let place = UnsafeMutablePointer<ctk_weight>.allocate(capacity: 1)
    unsafe place.initialize(to: weight.view)
    unsafe weights.append(place)
    unsafe jobs.append(
      ctk_few_job(
        weight: place, rounded: rounded?.pointer, x: x.pointer, ldx: x.columns, rows: x.rows,
        y: output.pointer, ldy: weight.rows))
    rows += weight.rows
    kept.append((weight, x, output))
    return true
  }

  func run() {
    unsafe jobs.withUnsafeBufferPointer { all in
      nonisolated(unsafe) let all = unsafe all
      // Long runs of rows: a core that looks ahead shouldn't fetch what another will use. A row is
      // the same however they are cut; interleaved ones would be computed twice where a tile is.
      let pieces = max(1, min(2 * Parallel.threads, rows / 16))
      let rows = rows
      @Sendable func cut(_ piece: Int) -> Int {
        piece == pieces ? rows : rows * piece / pieces / 16 * 16
      }
      Parallel.forEach(pieces) { piece in
        unsafe ctk_run_few(all.baseAddress, all.count, cut(piece), cut(piece + 1))
      }
    }
    withExtendedLifetime(kept) {}
  }

  deinit {
    for index in unsafe weights.indices { unsafe weights[index].deallocate() }
  }
}

extension PackedMatrix {
  /// The width of the groups where codes can be multiplied as they are; nil otherwise.
  fileprivate func groupOfCodes(_ arithmetic: Arithmetic) -> Int? {
    let group = min(groupSize, columns)
    guard arithmetic == .bfloat16, ctk_has_few_products() != 0, ctk_few_group(group) != 0 else {
      return nil
    }
    return group
  }
}

/// Rows of inputs as 16-bit integers in two bytes (CKernels/include/few_rows.h), with the sums over
/// the weights' groups.
@safe private final class RoundedRows {
  let pointer: UnsafeMutablePointer<ctk_few_inputs>
  private let storage: FloatStorage

  init(_ x: Tensor, group: Int) {
    let (rows, columns) = (x.rows, x.columns)
    let runs = (columns + 63) / 64
    let groups = (columns + group - 1) / group
    storage = FloatStorage(count: rows * (32 * runs + runs + groups), zeroed: false)
    let values = unsafe UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: Int8.self)
    let scales = unsafe storage.pointer + rows * 32 * runs
    let sums = unsafe scales + rows * runs
    unsafe ctk_round_few(x.pointer, columns, rows, columns, group, values, scales, sums)
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(
      to: ctk_few_inputs(
        rows: rows, columns: columns, values: values, scales: scales, group_sums: sums))
  }

  deinit { unsafe pointer.deallocate() }
}
