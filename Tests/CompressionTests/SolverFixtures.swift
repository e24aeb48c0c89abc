import Compression
import Numerics
import TestSupport

/// Random layers for the solver's tests.
enum SolverFixtures {
  /// Correlated inputs [rows, columns] with a few strong directions, as real activations have.
  static func inputs(_ rows: Int, _ columns: Int, _ random: inout TestRandom) -> Tensor {
    let shared = (0..<4).map { _ in (0..<columns).map { _ in random.normal() } }
    let loud = (0..<columns).map { _ in random.uniform() < 0.1 ? 8.0 : 1.0 }
    var values: [Float] = []
    for _ in 0..<rows {
      let strengths = (0..<4).map { _ in random.normal() }
      for c in 0..<columns {
        var x = random.normal()
        for d in 0..<4 { x += strengths[d] * shared[d][c] }
        values.append(Float(x * loud[c]))
      }
    }
    return Tensor([rows, columns], values)
  }

  static func weights(
    _ rows: Int, _ columns: Int, scale: Double = 0.05, _ random: inout TestRandom
  ) -> Tensor {
    Tensor([rows, columns], (0..<rows * columns).map { _ in Float(random.normal() * scale) })
  }

  static func hessian(of inputs: Tensor) -> Hessian {
    var hessian = Hessian(columns: inputs.columns)
    hessian.add(inputs)
    return hessian
  }

  /// The squared output error, summed over rows and inputs, by its definition.
  static func outputError(_ weight: Tensor, _ restored: Tensor, _ inputs: Tensor) -> Double {
    var sum = 0.0
    for sample in 0..<inputs.rows {
      for row in 0..<weight.rows {
        var y = 0.0
        for c in 0..<weight.columns {
          y += Double(weight[row, c] - restored[row, c]) * Double(inputs[sample, c])
        }
        sum += y * y
      }
    }
    return sum
  }
}
