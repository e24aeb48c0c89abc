import Glibc

/// Scaling of the rotary embedding's base frequencies θ^(−2i/headDim).
package enum RopeScaling: Sendable, Equatable {
  case none
  /// Every frequency divided by `factor` (position interpolation).
  case linear(factor: Double)
  /// The plain frequencies up to the model's maximum number of positions; beyond it they would depend
  /// on the text's length ("dynamic NTK"), which isn't supported, so that number is a limit.
  case dynamic(factor: Double)
  /// Llama 3.1: long wavelengths divided by `factor`, short ones kept, a linear blend in between.
  case llama3(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
    originalMaximumPositions: Int)
  /// One divisor per frequency, [headDim / 2], as stored in a GGUF file's `rope_freqs.weight`.
  case divisors([Float])

  /// The inverse frequencies of a head of `headDim` channels: headDim / 2 values, in radians per
  /// position. Channel i is paired with channel i + headDim / 2 (Hugging Face's order).
  func inverseFrequencies(theta: Double, headDim: Int) -> [Float] {
    (0..<headDim / 2).map { i in
      let plain = pow(theta, -Double(2 * i) / Double(headDim))
      switch self {
      case .none, .dynamic: return Float(plain)
      case .linear(let factor): return Float(plain / factor)
      case .divisors(let divisors): return Float(plain / Double(divisors[i]))
      case .llama3(let factor, let low, let high, let positions):
        // Rotations over the original context: with at most `low` of them, training never saw the
        // wavelength in full; with at least `high`, it saw the wavelength many times.
        let turns = Double(positions) * plain / (2 * Double.pi)
        if turns <= low { return Float(plain / factor) }
        if turns >= high { return Float(plain) }
        let kept = (turns - low) / (high - low)
        return Float((1 - kept) * plain / factor + kept * plain)
      }
    }
  }

  /// A description of the invalid parameter for heads of `headDim` channels; nil if all are valid.
  func flaw(headDim: Int) -> String? {
    func isPositive(_ value: Double) -> Bool { value.isFinite && value > 0 }
    switch self {
    case .none: return nil
    case .linear(let factor), .dynamic(let factor):
      return isPositive(factor) ? nil : "a rope scaling factor of \(factor)"
    case .llama3(let factor, let low, let high, let positions):
      guard isPositive(factor), isPositive(low), isPositive(high), low < high else {
        return "llama3 rope scaling with factor \(factor), low \(low), high \(high)"
      }
      return positions > 0 ? nil : "llama3 rope scaling from \(positions) positions"
    case .divisors(let divisors):
      guard divisors.count == headDim / 2 else {
        return "\(divisors.count) rope divisors for heads of \(headDim) channels"
      }
      return divisors.allSatisfy { isPositive(Double($0)) }
        ? nil : "a rope divisor that isn't positive"
    }
  }
}
