import Checkpoints
import Models

/// The memory for compressing a block besides the rows of the calibration text, in bytes. No budget
/// reduces it.
package enum CompressionMemory {
  /// The program itself and buffers kept for reuse.
  private static let base = 384 << 20

  /// An upper estimate for the largest layer of a model.
  ///
  /// - Parameters:
  ///   - rows: the maximum number of rows per chunk.
  ///   - besideFullModel: whether the uncompressed model runs alongside, to correct for drift.
  package static func bytes(
    for configuration: ModelConfiguration, rows: Int, besideFullModel: Bool = false
  ) -> Int {
    let c = configuration
    let solving = c.linears.map { name in
      let (n, k) = c.shape(of: name)
      // H in float32 and, if masks and codes take two passes, a first factor. On top of that a
      // factor in float64 and float32, or one factor and the matrix: original and restored weights,
      // the solver's rows, codes and masks, and their packed form.
      guard besideFullModel else { return 8 * k * k + max(12 * k * k, 4 * k * k + 24 * n * k) }
      // Also the drift of the inputs and of the stream, and the corrected weights.
      return 12 * k * k + 4 * n * k + max(12 * k * k, 4 * k * k + 28 * n * k)
    }
    let attention = c.hiddenSize + (c.heads + 2 * c.kvHeads) * c.headDim
    let feedForward = c.hiddenSize + 4 * c.intermediateSize
    let forward = 4 * rows * max(attention, feedForward)
    // A second model's buffers, the statistics so far, and the difference of the two inputs.
    let widest = c.linears.map { c.shape(of: $0).columns }.max() ?? 0
    let drifting = besideFullModel ? forward + 8 * widest * widest + 4 * rows * widest : 0
    return base + max(solving.max() ?? 0, forward + drifting)
  }
}
