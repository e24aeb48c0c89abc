import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// Low-rank updates of some of a model's linear layers, all of one rank r (LoRA, Hu et al., arXiv
/// 2106.09685).
package struct LowRankAdapter: Sendable {
  package let shape: LowRankShape
  /// All learned numbers [count]: per layer A [r, inputs], then B [outputs, r].
  package let parameters: Tensor
  /// The updated layers, in the shape's order.
  private let layers: [LayerPlace]
  /// A and B of each layer as views of `parameters`, in the shape's order.
  package let parts: [LowRank]

  /// - Parameter parameters: [count] in the order of `shape`, used without a copy.
  /// - Throws: `usage` if the shape doesn't fit the model, or `parameters` has another count.
  package init(
    parameters: Tensor, shape: LowRankShape, for c: ModelConfiguration
  ) throws(Failure) {
    layers = try shape.layers(in: c)
    guard let count = shape.count, parameters.count == count else {
      throw Failure(
        .usage,
        "the LoRA adapter has \(parameters.count) numbers; its shape needs"
          + " \(shape.count ?? 0) in this model",
        advice: "use a LoRA adapter that was learned for this model")
    }
    self.shape = shape
    self.parameters = parameters
    let flat = parameters.reshaped([count])
    let scale = Float(shape.alpha / Double(shape.rank))
    var (parts, start) = ([LowRank](), 0)
    func next(_ rows: Int, _ columns: Int) -> Tensor {
      defer { start += rows * columns }
      return flat.rows(start..<start + rows * columns).reshaped([rows, columns])
    }
    for target in shape.targets {
      let a = next(shape.rank, target.inputs)
      parts.append(LowRank(a: a, b: next(target.outputs, shape.rank), scale: scale))
    }
    self.parts = parts
  }

  /// The low-rank updates of block `block`, by layer name.
  func parts(of block: Int) -> [LinearName: LowRank] {
    var found: [LinearName: LowRank] = [:]
    for (layer, part) in zip(layers, parts) where layer.block == block {
      found[layer.name] = part
    }
    return found
  }
}

extension LanguageModel {
  /// This model with low-rank updates beside its layers; the weights are shared.
  /// - Throws: `usage` if the updates are for a model of another shape.
  package func adapted(by adapter: LowRankAdapter) throws(Failure) -> LanguageModel {
    let checked = try LowRankAdapter(
      parameters: adapter.parameters, shape: adapter.shape, for: configuration)
    let parts = (0..<configuration.layers).map { checked.parts(of: $0) }
    return LanguageModel(sharing: self) { block in
      for (name, part) in parts[block.index] { block[name].lowRank = part }
    }
  }
}
