/// AdamW (arXiv 1711.05101, algorithm 2) over one flat array of parameters, with decoupled weight
/// decay.
package struct AdamW: Sendable, Equatable {
  /// Running mean of the gradient.
  package internal(set) var first: [Float]
  /// Running mean of the squared gradient.
  package internal(set) var second: [Float]
  /// The number of updates made.
  package internal(set) var updates = 0

  static let beta1 = 0.9
  static let beta2 = 0.999
  static let epsilon = 1e-8

  package init(count: Int) {
    first = Array(repeating: 0, count: count)
    second = Array(repeating: 0, count: count)
  }

  /// Updates `parameters` by `gradient` · `gradientScale`; the scale clips the gradient.
  package mutating func update(
    _ parameters: inout [Float], gradient: [Float], gradientScale: Double, learningRate: Double,
    weightDecay: Double
  ) {
    precondition(
      parameters.count == first.count && gradient.count == first.count,
      "parameters and gradient must match in size")
    updates += 1
    let scale = Float(gradientScale)
    let (b1, b2) = (Float(Self.beta1), Float(Self.beta2))
    let correction1 = 1 - power(Self.beta1, updates)
    let correction2 = 1 - power(Self.beta2, updates)
    let stepSize = Float(learningRate / correction1)
    let rootCorrection = Float(1 / correction2.squareRoot())
    let keep = Float(1 - learningRate * weightDecay)
    let epsilon = Float(Self.epsilon)
    for i in parameters.indices {
      let g = gradient[i] * scale
      let m = b1 * first[i] + (1 - b1) * g
      let v = b2 * second[i] + (1 - b2) * g * g
      first[i] = m
      second[i] = v
      let step = stepSize * m / (v.squareRoot() * rootCorrection + epsilon)
      parameters[i] = parameters[i] * keep - step
    }
  }

  /// base^exponent by repeated squaring, with the same bits on every platform.
  private func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, square, rest) = (1.0, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }
}

extension Sequence where Element == Float {
  /// The Euclidean norm, summed in order in float64.
  var norm: Double { reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
}
