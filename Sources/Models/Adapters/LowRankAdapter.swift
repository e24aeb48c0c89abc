import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// Low-rank updates of some linear layers of a model, all of one rank (LoRA, Hu et al., arXiv
/// 2106.09685).
package struct LowRankAdapter: Sendable {
  package let shape: LowRankShape
  /// All numbers [count]: per layer A [r, inputs], then B [outputs, r].
  package let parameters: Tensor
  /// The updated layers, in the shape's order.
  private let layers: [LayerPlace]
  /// A and B of each layer, views of `parameters`.
  package let parts: [LowRank]

  /// - Parameter parameters: [count] as `shape` orders them, taken without a copy.
  /// - Throws: `usage` where the shape isn't one of the model's, or the count another.
  package init(
    parameters: Tensor, shape: LowRankShape, for c: ModelConfiguration
  ) throws(Failure) {
    layers = try shape.layers(in: c)
    guard let count = shape.count, parameters.count == count else {
      throw Failure(
        .usage,
        "\(parameters.count) numbers for low-rank parts that have \(shape.count ?? 0) in this model",
        advice: "low-rank parts fit only models of their own shape")
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

  /// The parts of one block.
  func parts(of block: Int) -> [LinearName: LowRank] {
    var found: [LinearName: LowRank] = [:]
    for (layer, part) in zip(layers, parts) where layer.block == block {
      found[layer.name] = part
    }
    return found
  }
}

extension LanguageModel {
  /// This model with low-rank parts beside its layers; its weights are shared.
  /// - Throws: `usage` where the parts are another model's.
  package func adapted(by adapter: LowRankAdapter) throws(Failure) -> LanguageModel {
    let checked = try LowRankAdapter(
      parameters: adapter.parameters, shape: adapter.shape, for: configuration)
    let parts = (0..<configuration.layers).map { checked.parts(of: $0) }
    return LanguageModel(sharing: self) { block in
      for (name, part) in parts[block.index] { block[name].lowRank = part }
    }
  }
}
