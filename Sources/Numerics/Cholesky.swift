import COpenBLAS

/// Cholesky factors in float64.
public enum Cholesky {
  /// The upper triangular U with h⁻¹ = UᵀU, for symmetric h [k, k] of which the upper triangle is
  /// read; nil where h isn't positive definite or holds values that aren't finite.
  ///
  /// h⁻¹ itself isn't formed: with h reversed in both directions factored as LLᵀ, U is L⁻¹ reversed
  /// again. Takes 2k³/3 operations and 8k² bytes.
  public static func inverseUpperFactor(_ h: Tensor) -> Tensor? {
    let k = h.rows
    precondition(h.columns == k, "\(h.shape) isn't square")
    guard k > 0 else { return Tensor([0, 0]) }
    guard Vector.isFinite(h) else { return nil }
    BLAS.prepare()
    let a = Float64Storage(count: k * k)
    // The library's 'U' is the column-major upper triangle: value (r, c) at c·k + r. h[i, j] becomes
    // value (k−1−j, k−1−i) of the reversed matrix, so reversing the flat order is all it takes.
    Parallel.ranges(k, grain: 32) { rows in
      for i in rows {
        for j in i..<k { unsafe a.pointer[k * k - 1 - (i * k + j)] = Double(h.pointer[i * k + j]) }
      }
    }
    var size = Int32(k)
    var info: Int32 = 0
    unsafe dpotrf_("U", &size, a.pointer, &size, &info)
    guard info == 0 else { return nil }
    unsafe dtrtri_("U", "N", &size, a.pointer, &size, &info)
    guard info == 0 else { return nil }
    let u = Tensor([k, k])
    Parallel.ranges(k, grain: 32) { rows in
      for i in rows {
        for j in i..<k { unsafe u.pointer[i * k + j] = Float(a.pointer[k * k - 1 - (i * k + j)]) }
      }
    }
    return Vector.isFinite(u) ? u : nil
  }
}

@safe private final class Float64Storage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Double>
  init(count: Int) { unsafe pointer = .allocate(capacity: count) }
  deinit { unsafe pointer.deallocate() }
}
