import Checkpoints
import Numerics

/// Gradients with respect to the adapter's parameters inside one block, filled by its backward
/// pass.
struct BlockGradients {
  /// Gradients with respect to the prefix's keys and values, [n, kvHeads·headDim] each; nil if no
  /// prefix is learned.
  var prefix: (keys: Tensor, values: Tensor)?
  /// Gradients with respect to A and B of each layer that has a low-rank update.
  var lowRank: [LinearName: LowRank] = [:]
  /// Buffers that are free during a backward pass; layers' inputs are recomputed into them.
  let scratch: ForwardScratch

  /// Computes the low-rank gradients of layers with one input, from the gradients with respect to
  /// their outputs.
  ///
  /// - Parameter rows: recomputes the layers' input; called only if one of them is learned.
  func take(
    _ outputs: [(name: LinearName, gradient: Tensor)], of block: Block,
    reading rows: (ForwardScratch) -> Tensor
  ) {
    let learned = outputs.filter { lowRank[$0.name] != nil }
    guard !learned.isEmpty else { return }
    let x = rows(scratch)
    for (name, dy) in learned {
      guard let into = lowRank[name], let part = block[name].lowRank else {
        preconditionFailure("\(name.rawValue) has no low-rank update")
      }
      part.gradient(x: x, dy: dy, a: into.a, b: into.b)
    }
  }
}
