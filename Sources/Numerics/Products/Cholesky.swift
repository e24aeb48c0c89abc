import Bytes
import COpenBLAS

/// Cholesky factorization in float64.
package enum Cholesky {
  /// Rows and columns per block; fixed, so that results don't depend on the number of threads.
  private static let block = 128

  /// Returns the upper triangular U [k, k] with h⁻¹ = UᵀU, for symmetric h [k, k] of which the
  /// upper triangle is read; nil if h isn't positive definite or has values that aren't finite.
  ///
  /// h⁻¹ isn't formed: if h with rows and columns reversed is LLᵀ, then U is L⁻¹ with rows and
  /// columns reversed. Takes 2k³/3 operations and 8k² bytes.
  package static func inverseUpperFactor(_ h: Tensor) -> Tensor? {
    inverseUpperFactor(
      h, order: Array(0..<Int32(h.rows)), diagonal: (0..<h.rows).map { h[$0, $0] })
  }

  /// Returns the upper triangular U [k, k] with h′⁻¹ = UᵀU, where h′ is h with its rows and columns
  /// permuted and its diagonal replaced. No copy of h is made.
  ///
  /// - Parameters:
  ///   - h: The matrix [k, k], bitwise symmetric.
  ///   - order: h's column at each of the k positions of h′.
  ///   - diagonal: The diagonal of h′, [k].
  /// - Returns: U, or nil if h′ isn't positive definite or has values that aren't finite.
  package static func inverseUpperFactor(
    _ h: Tensor, order: [Int32], diagonal: [Float]
  ) -> Tensor? {
    let k = h.rows
    precondition(h.columns == k, "\(h.shape) isn't square")
    precondition(
      order.count == k && diagonal.count == k && order.allSatisfy { (0..<k).contains(Int($0)) })
    guard Vector.isFinite(h), diagonal.allSatisfy(\.isFinite) else { return nil }
    BLAS.prepare()
    let matrix = Float64Matrix(size: k)
    // The lower triangle of the reversed matrix is filled: place (k − 1 − i, k − 1 − j) gets h′[i,
    // j].
    Parallel.ranges(k, grain: 32) { rows in
      for i in rows {
        let row = Int(order[i]) * k
        matrix[k - 1 - i, k - 1 - i] = Double(diagonal[i])
        for j in i + 1..<k {
          unsafe matrix[k - 1 - i, k - 1 - j] = Double(h.pointer[row + Int(order[j])])
        }
      }
    }
    guard factorize(matrix) else { return nil }
    let u = Tensor([k, k])
    invert(matrix, reversedInto: u)
    return Vector.isFinite(u) ? u : nil
  }

  /// Overwrites the lower triangle with L, one block of columns after another; returns false if a
  /// pivot isn't positive.
  private static func factorize(_ matrix: Float64Matrix) -> Bool {
    let k = matrix.size
    for left in stride(from: 0, to: k, by: block) {
      let width = min(block, k - left)
      // Subtract the preceding columns' contribution from this block of columns and all rows below.
      Parallel.ranges(k - left, grain: block) { rows in
        let row = left + rows.lowerBound
        BLAS.call {
          unsafe cblas_dgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows.count), Int32(width), Int32(left),
            -1, matrix.place(row, 0), Int32(k), matrix.place(left, 0), Int32(k), 1,
            matrix.place(row, left), Int32(k))
        }
      }
      // LAPACK is column-major: its upper triangle is the lower one here.
      var (size, stride, info) = (Int32(width), Int32(k), Int32(0))
      BLAS.call { unsafe dpotrf_("U", &size, matrix.place(left, left), &stride, &info) }
      guard info == 0 else { return false }
      Parallel.ranges(max(0, k - left - width), grain: block) { rows in
        BLAS.call {
          unsafe cblas_dtrsm(
            CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, Int32(rows.count),
            Int32(width), 1, matrix.place(left, left), Int32(k),
            matrix.place(left + width + rows.lowerBound, left), Int32(k))
        }
      }
    }
    return true
  }

  /// Writes L⁻¹ with rows and columns reversed to `u`, one block of columns at a time.
  private static func invert(_ matrix: Float64Matrix, reversedInto u: Tensor) {
    let k = matrix.size
    Parallel.ranges(k, grain: block) { columns in
      let (left, width) = (columns.lowerBound, columns.count)
      // Above the diagonal block the inverse is zero, so the system starts there.
      let height = k - left
      unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: height * width) { inverse in
        unsafe inverse.initialize(repeating: 0)
        for i in 0..<width { unsafe inverse[i * width + i] = 1 }
        guard let x = inverse.baseAddress else { return }
        for top in stride(from: 0, to: height, by: block) {
          let rows = min(block, height - top)
          let solved = unsafe x + top * width
          BLAS.call {
            unsafe cblas_dgemm(
              CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(width), Int32(top), -1,
              matrix.place(left + top, left), Int32(k), x, Int32(width), 1, solved, Int32(width))
            unsafe cblas_dtrsm(
              CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, Int32(rows),
              Int32(width), 1, matrix.place(left + top, left + top), Int32(k), solved,
              Int32(width))
          }
        }
        for i in 0..<height {
          for j in 0..<min(width, i + 1) {
            let place = k * k - 1 - ((left + i) * k + left + j)
            unsafe u.pointer[place] = Float(inverse[i * width + j])
          }
        }
      }
    }
  }
}

/// A square row-major matrix in float64, with arbitrary initial content.
@safe private final class Float64Matrix: @unchecked Sendable {
  let size: Int
  private let values: UnsafeMutablePointer<Double>

  init(size: Int) {
    self.size = size
    unsafe values = .allocate(capacity: max(1, size * size))
  }

  deinit { unsafe values.deallocate() }

  subscript(row: Int, column: Int) -> Double {
    get { unsafe values[row * size + column] }
    set { unsafe values[row * size + column] = newValue }
  }

  func place(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Double> {
    unsafe values + row * size + column
  }
}
