import Bytes
import CKernels

/// Elementwise operations on tensors with equal numbers of values.
package enum Vector {
  private static let grain = 1 << 15

  /// b += a
  package static func add(_ a: Tensor, into b: Tensor) {
    precondition(a.count == b.count && !b.isReadOnly, "\(a.shape) into \(b.shape)")
    Parallel.ranges(a.count, grain: grain) { range in
      let i = range.lowerBound
      unsafe ctk_add(a.pointer + i, b.pointer + i, range.count)
    }
  }

  /// b += scale·a
  package static func add(_ a: Tensor, scaledBy scale: Float, into b: Tensor) {
    precondition(a.count == b.count && !b.isReadOnly, "\(a.shape) into \(b.shape)")
    Parallel.ranges(a.count, grain: grain) { range in
      let i = range.lowerBound
      unsafe ctk_add_scaled(a.pointer + i, scale, b.pointer + i, range.count)
    }
  }

  /// Adds `row` [n] to every row of `b` [m, n]: a linear layer's bias.
  package static func addToRows(_ row: Tensor, of b: Tensor) {
    let n = row.count
    precondition(b.columns == n && !b.isReadOnly, "\(row.shape) to the rows of \(b.shape)")
    Parallel.ranges(b.rows, grain: 64) { rows in
      for i in rows { unsafe ctk_add(row.pointer, b.pointer + i * n, n) }
    }
  }

  /// a *= scale
  package static func scale(_ a: Tensor, by scale: Float) {
    precondition(!a.isReadOnly)
    Parallel.ranges(a.count, grain: grain) { range in
      unsafe ctk_scale(a.pointer + range.lowerBound, scale, range.count)
    }
  }

  /// Σ a², in float64.
  package static func sumOfSquares(_ a: Tensor) -> Double {
    var total = 0.0
    for start in stride(from: 0, to: a.count, by: grain) {
      var part = 0.0
      unsafe ctk_sum_of_squares(a.pointer + start, min(grain, a.count - start), &part)
      total += part
    }
    return total
  }

  /// Whether no value is infinite or not a number.
  package static func isFinite(_ a: Tensor) -> Bool { a.firstNonFinite == nil }
}
