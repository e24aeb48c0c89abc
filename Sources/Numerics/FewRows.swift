import CKernels

/// Products with a few rows of inputs (tokens being generated), where the time is what it takes to
/// read the weights. Several matrices that read the same rows share one parallel loop.
public enum FewRows {
  /// More rows than this go through the tiled products.
  public static let most = 8
  /// Rows of weights per piece of work.
  private static let grain = 64

  /// output = x·Wᵀ for each pair, x [m, inputs] with m ≤ 8, outputs [m, outputs].
  ///
  /// In bfloat16 arithmetic, codes are multiplied as they are with inputs rounded to 16 bits (to
  /// 2⁻¹⁶ of the largest of 64 neighbours), which is finer than bfloat16; in float32 everything is
  /// float32.
  public static func multiply(
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
      let input = x.rows(some)
      var rounded: [Int: RoundedRows] = [:]
      let jobs = products.map { product in
        let group = product.weight.groupOfCodes(arithmetic)
        if let group, rounded[group] == nil { rounded[group] = RoundedRows(input, group: group) }
        return Job(
          weight: product.weight, input: input, rounded: group.flatMap { rounded[$0] },
          output: product.output.rows(some))
      }
      var pieces: [(job: Int, rows: Range<Int>)] = []
      for (index, job) in jobs.enumerated() {
        for first in stride(from: 0, to: job.weight.rows, by: grain) {
          pieces.append((index, first..<min(job.weight.rows, first + grain)))
        }
      }
      let all = pieces
      Parallel.forEach(all.count) { i in jobs[all[i].job].run(all[i].rows) }
    }
  }

  /// One matrix with up to four rows of inputs.
  private struct Job: Sendable {
    let weight: Weight
    let input: Tensor
    /// nil where the weights' codes are not multiplied as they are.
    let rounded: RoundedRows?
    let output: Tensor

    func run(_ rows: Range<Int>) {
      if let rounded, case .packed(let matrix) = weight {
        unsafe matrix.withDescription { packed in
          unsafe rounded.multiply(packed, rows, into: output.pointer, ldy: weight.rows)
        }
      } else if case .half = weight, ctk_has_bf16_products() != 0 {
        unsafe weight.withStored { stored in
          unsafe ctk_multiply_few_half(
            stored, rows.lowerBound, rows.upperBound, input.pointer, input.columns, input.rows,
            output.pointer, weight.rows)
        }
      } else {
        inFloat32(rows)
      }
    }

    private func inFloat32(_ rows: Range<Int>) {
      let (m, columns, atOnce) = (input.rows, weight.columns, 8)
      unsafe withUnsafeTemporaryAllocation(
        of: Float.self, capacity: weight.isDense ? 1 : atOnce * columns
      ) { scratch in
        guard let scratch = scratch.baseAddress else { return }
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: atOnce) {
          let some = start..<min(rows.upperBound, start + atOnce)
          let weights = unsafe weight.floats(some, scratch: scratch)
          for row in some {
            unsafe ctk_dot_rows(
              weights + (row - start) * columns, input.pointer, columns, m, columns,
              output.pointer + row, weight.rows, 0)
          }
        }
      }
    }
  }
}

extension Weight {
  /// The width of the groups where codes can be multiplied as they are; nil otherwise.
  fileprivate func groupOfCodes(_ arithmetic: Arithmetic) -> Int? {
    guard case .packed(let matrix) = self, arithmetic.available == .bfloat16 else { return nil }
    // One group per row is one of a whole number of runs: columns beyond the last are zeros.
    let width = min(matrix.groupSize, (columns + 63) / 64 * 64)
    let group = width >= columns ? (columns + 63) / 64 * 64 : width
    return ctk_few_group(group) != 0 && group == min(matrix.groupSize, columns) ? group : nil
  }
}

/// Rows of inputs as 16-bit integers in two bytes (CKernels/include/few_rows.h), with the sums over
/// the weights' groups.
@safe private final class RoundedRows: @unchecked Sendable {
  private let rows: Int
  private let columns: Int
  private let group: Int
  private let storage: FloatStorage

  private var runs: Int { (columns + 63) / 64 }
  /// Bytes of one of the two planes.
  private var plane: Int { rows * runs * 64 }

  init(_ x: Tensor, group: Int) {
    rows = x.rows
    columns = x.columns
    self.group = group
    let runs = (x.columns + 63) / 64
    let groups = (x.columns + group - 1) / group
    storage = FloatStorage(count: x.rows * (2 * 16 * runs + runs + groups), zeroed: false)
    unsafe ctk_round_few(
      x.pointer, columns, rows, columns, group, high, low, scales, groupSums)
  }

  private var high: UnsafeMutablePointer<Int8> {
    unsafe UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: Int8.self)
  }
  private var low: UnsafeMutablePointer<Int8> { unsafe high + plane }
  private var scales: UnsafeMutablePointer<Float> { unsafe storage.pointer + plane / 2 }
  private var groupSums: UnsafeMutablePointer<Float> { unsafe scales + rows * runs }

  func multiply(
    _ packed: UnsafePointer<ctk_packed>, _ range: Range<Int>, into y: UnsafeMutablePointer<Float>,
    ldy: Int
  ) {
    var inputs = unsafe ctk_few_inputs(
      rows: rows, columns: columns, high: high, low: low, scales: scales, group_sums: groupSums)
    let size = unsafe ctk_few_scratch(packed)
    unsafe withUnsafeTemporaryAllocation(byteCount: size, alignment: 64) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      unsafe ctk_multiply_few(
        packed, range.lowerBound, range.upperBound, &inputs, y, ldy,
        scratch.assumingMemoryBound(to: UInt8.self))
    }
  }
}
