import Compression
import CompressionReference
import Numerics
import Testing

/// The inputs of `ReferenceSolver`, from those of the solver under test.
enum ReferenceInputs {
  static func order(_ hessian: Hessian, descending: Bool) -> [Int] {
    let diagonal = hessian.diagonal
    guard descending else { return Array(diagonal.indices) }
    return diagonal.indices.sorted {
      diagonal[$0] != diagonal[$1] ? diagonal[$0] > diagonal[$1] : $0 < $1
    }
  }

  /// U of H + damping · mean(diag H) in solving order, in the solver's float32. `CholeskyTests`
  /// compares it with its definition, so that it costs nothing of the bounds here.
  static func upperFactor(_ hessian: Hessian, order: [Int], damping: Double) -> [Double]? {
    let diagonal = hessian.diagonal
    var sum = 0.0
    for value in diagonal { sum += Double(value) }
    let lambda = damping * (sum / Double(order.count))
    return Cholesky.inverseUpperFactor(
      hessian.matrix, order: order.map { Int32($0) },
      diagonal: order.map { Float(Double(diagonal[$0]) + lambda) })?.values.map { Double($0) }
  }

  static func factor(
    _ hessian: Hessian, order: [Int], damping: Double, firstOrder: Double = 0
  ) -> ReferenceSolver.Factor? {
    upperFactor(hessian, order: order, damping: damping).map {
      ReferenceSolver.Factor($0, columns: order.count, firstOrder: firstOrder)
    }
  }

  static func row(_ weight: Tensor, _ row: Int) -> [Double] {
    (0..<weight.columns).map { Double(weight[row, $0]) }
  }

  /// Checks a row's grids and codes in solving order, up to the first that differs, which must be
  /// one that rounding can decide; from there on the row goes its own way. Returns whether all are
  /// equal.
  ///
  /// - Parameter gridsMoving: whether grids depend on the errors of earlier columns.
  static func isEqual(
    _ quantized: QuantizedTensor, row: Int, to expected: ReferenceSolver.Row,
    of reference: ReferenceSolver, gridsMoving: Bool = false, _ note: Comment
  ) throws -> Bool {
    let (width, groups, columns) = (
      quantized.groupWidth, quantized.groups, expected.codes.count
    )
    let unit = Double(sign: .plus, exponent: quantized.scaleExponent, significand: 1)
    for column in reference.order {
      let group = column / width
      let place = row * groups + group
      let grid = ReferenceSolver.Grid(
        scale: Double(Float16(bitPattern: quantized.scales[place])) * unit,
        zero: Double(quantized.zeros[place]))
      if grid != expected.grids[group] {
        #expect(
          gridsMoving && reference.admits(grid, for: expected.ranges[group]),
          "row \(row) column \(column): \(grid), not \(expected.grids[group]); \(note)")
        return false
      }
      let code = quantized.codes[row * columns + column]
      guard code != expected.codes[column] else { continue }
      let (margin, slack) = (expected.margins[column], expected.slacks[column])
      #expect(
        margin <= slack,
        """
        row \(row) column \(column): \(code), not \(expected.codes[column]), \(margin) from a tie \
        with a bound of \(slack); \(note)
        """)
      return false
    }
    return true
  }
}
