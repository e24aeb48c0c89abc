import Checkpoints

extension ModelConfiguration {
  /// The estimated size of the compressed model in bytes: codes or kept values, a mask of one bit
  /// per weight if that is smaller, scales and zero points, and 16 bits for every other parameter.
  package func bytes(compressed settings: CompressionSettings) -> Int {
    let linear = settings.linear
    let kept = 1 - linear.sparsity.share
    let bits = linear.quantizes ? Double(linear.grid.bits) : 16
    // A scale in 16 bits and a zero point of the codes' width per group.
    let perGroup = linear.quantizes ? 16 + bits : 0
    let perWeight = min(bits, kept * bits + (kept < 1 ? 1 : 0)) + perGroup / 64
    let rest = parameterCount - linearCount
    return Int(Double(linearCount) * perWeight / 8) + 2 * rest
  }
}
