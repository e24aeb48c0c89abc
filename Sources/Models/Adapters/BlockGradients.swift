import Checkpoints
import Numerics

/// Gradients to the parameters that are learned inside one block, filled by its backward pass.
struct BlockGradients {
  /// Gradients to the cached prefix's keys and values [n, kvHeads·headDim]; nil where it isn't learned.
  var prefix: (keys: Tensor, values: Tensor)?
  /// Gradients to A and B of the layers that have them.
  var lowRank: [LinearName: LowRank] = [:]
  /// Buffers that are free during a backward pass, in which layers' inputs are computed again.
  let scratch: ForwardScratch

  /// The gradients of layers that read the same rows, from the gradients to what they gave.
  ///
  /// - Parameter rows: what they read; only asked for where one of them is learned.
  func take(
    _ outputs: [(name: LinearName, gradient: Tensor)], of block: Block,
    reading rows: (ForwardScratch) -> Tensor
  ) {
    let learned = outputs.filter { lowRank[$0.name] != nil }
    guard !learned.isEmpty else { return }
    let x = rows(scratch)
    for (name, dy) in learned {
      guard let into = lowRank[name], let part = block[name].lowRank else {
        preconditionFailure("\(name.rawValue) has no low-rank part")
      }
      part.gradient(x: x, dy: dy, a: into.a, b: into.b)
    }
  }
}
