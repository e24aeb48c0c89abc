import Foundation

/// Adafactor (arXiv 1804.04235, algorithm 4) with an external learning rate and without momentum.
/// It stores the squared gradients of a matrix as means of its rows and columns only.
package struct Adafactor: Sendable, Equatable {
  package let shapes: [MatrixShape]
  /// Running means of the squared gradients by row, matrix after matrix.
  package internal(set) var rowMeans: [Float]
  /// Running means of the squared gradients by column, matrix after matrix.
  package internal(set) var columnMeans: [Float]
  /// The number of updates made.
  package internal(set) var updates = 0

  /// The exponent c of the decay rate β₂ = 1 − t^c at update t.
  static let decay = -0.8
  /// The constant added to squared gradients.
  static let epsilon = 1e-30
  /// The clipping threshold d: steps with a larger root mean square are scaled down to it, before
  /// the learning rate is applied.
  static let threshold = 1.0

  package init(shapes: [MatrixShape]) {
    self.shapes = shapes
    rowMeans = Array(repeating: 0, count: shapes.reduce(0) { $0 + $1.rows })
    columnMeans = Array(repeating: 0, count: shapes.reduce(0) { $0 + $1.columns })
  }

  /// Updates `parameters` by `gradient` · `gradientScale`; the scale clips the gradient.
  package mutating func update(
    _ parameters: inout [Float], gradient: [Float], gradientScale: Double, learningRate: Double,
    weightDecay: Double
  ) {
    let count = shapes.reduce(0) { $0 + $1.count }
    precondition(
      parameters.count == count && gradient.count == count,
      "parameters and gradient must match the shapes")
    updates += 1
    let keep = pow(Double(updates), Self.decay)
    let scale = Float(gradientScale)
    let shrink = Float(1 - learningRate * weightDecay)
    var (first, row, column) = (0, 0, 0)
    for shape in shapes {
      let own = first..<first + shape.count
      var step = gradient[own].map { $0 * scale }
      remember(step, shape, row: row, column: column, share: keep)
      normalise(&step, shape, row: row, column: column)
      let size = (step.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(step.count))
        .squareRoot()
      let factor = Float(learningRate / max(1, size / Self.threshold))
      for (i, place) in own.enumerated() {
        parameters[place] = parameters[place] * shrink - factor * step[i]
      }
      first += shape.count
      row += shape.rows
      column += shape.columns
    }
  }

  /// Updates the running means with the squared gradients, which get the weight `share`.
  private mutating func remember(
    _ gradient: [Float], _ shape: MatrixShape, row: Int, column: Int, share: Double
  ) {
    var columns = [Double](repeating: 0, count: shape.columns)
    for i in 0..<shape.rows {
      var sum = 0.0
      for j in 0..<shape.columns {
        let g = Double(gradient[i * shape.columns + j])
        let square = g * g + Self.epsilon
        sum += square
        columns[j] += square
      }
      let mean = sum / Double(shape.columns)
      rowMeans[row + i] = Float((1 - share) * Double(rowMeans[row + i]) + share * mean)
    }
    for j in 0..<shape.columns {
      let mean = columns[j] / Double(shape.rows)
      columnMeans[column + j] = Float((1 - share) * Double(columnMeans[column + j]) + share * mean)
    }
  }

  /// Divides each gradient by the root of its estimated square: row mean · column mean / mean of
  /// all.
  private func normalise(_ gradient: inout [Float], _ shape: MatrixShape, row: Int, column: Int) {
    let rows = rowMeans[row..<row + shape.rows]
    let all = rows.reduce(0.0) { $0 + Double($1) } / Double(shape.rows)
    let columnFactors = columnMeans[column..<column + shape.columns].map {
      1 / Double($0).squareRoot()
    }
    for (i, mean) in rows.enumerated() {
      let rowFactor = (all / Double(mean)).squareRoot()
      for j in 0..<shape.columns {
        let place = i * shape.columns + j
        gradient[place] = Float(Double(gradient[place]) * rowFactor * columnFactors[j])
      }
    }
  }
}
