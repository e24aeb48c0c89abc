import Bytes
import Checkpoints
import Numerics

/// A linear layer of a model.
package struct LayerPlace: Sendable, Hashable {
  package let block: Int
  package let name: LinearName

  package init(block: Int, name: LinearName) {
    self.block = block
    self.name = name
  }
}

/// Low-rank parts beside some linear layers of a model (LoRA, Hu et al., arXiv 2106.09685), all of
/// one rank.
package struct LowRankAdapter: Sendable {
  package let shape: LowRankShape
  /// All numbers [count]: per layer A [r, inputs], then B [outputs, r].
  package let parameters: Tensor
  /// In the shape's order.
  package let parts: [LowRank]

  /// - Parameter parameters: [count] as `shape` orders them, taken without a copy.
  /// - Throws: `usage` where the shape isn't one of the model's, or the count another.
  package init(
    parameters: Tensor, shape: LowRankShape, for c: ModelConfiguration
  ) throws(Failure) {
    try shape.check(c)
    let count = shape.count(c)
    guard parameters.count == count else {
      throw Failure(
        .usage, "\(parameters.count) numbers for low-rank parts that have \(count) in this model",
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
    for layer in shape.layers {
      let (outputs, inputs) = c.shape(of: layer.name)
      let a = next(shape.rank, inputs)
      parts.append(LowRank(a: a, b: next(outputs, shape.rank), scale: scale))
    }
    self.parts = parts
  }

  /// The parts of one block.
  func parts(of block: Int) -> [LinearName: LowRank] {
    var found: [LinearName: LowRank] = [:]
    for (layer, part) in zip(shape.layers, parts) where layer.block == block {
      found[layer.name] = part
    }
    return found
  }
}

/// Which layers have a low-rank part, and of which rank.
package struct LowRankShape: Sendable, Equatable {
  package let rank: Int
  /// The low-rank product is scaled by alpha / rank.
  package let alpha: Double
  package let layers: [LayerPlace]

  package init(rank: Int, alpha: Double, layers: [LayerPlace]) {
    self.rank = rank
    self.alpha = alpha
    self.layers = layers
  }

  /// The layers of these names in every block.
  package init(rank: Int, alpha: Double, names: [LinearName], in c: ModelConfiguration) {
    let ordered = LinearName.allCases.filter(names.contains)
    self.init(
      rank: rank, alpha: alpha,
      layers: (0..<c.layers).flatMap { block in
        ordered.map { LayerPlace(block: block, name: $0) }
      })
  }

  /// Numbers in all.
  package func count(_ c: ModelConfiguration) -> Int {
    layers.reduce(0) { sum, layer in
      let (outputs, inputs) = c.shape(of: layer.name)
      return sum + rank * (inputs + outputs)
    }
  }

  /// - Throws: `usage` naming what the model hasn't got.
  package func check(_ c: ModelConfiguration) throws(Failure) {
    guard rank >= 1, rank <= 1 << 16, alpha.isFinite, !layers.isEmpty else {
      throw Failure(
        .usage, "low-rank parts of rank \(rank), alpha \(alpha), beside \(layers.count) layers",
        advice: "use a rank of 1 or more and at least one layer")
    }
    for layer in layers {
      guard (0..<c.layers).contains(layer.block), c.linears.contains(layer.name) else {
        throw Failure(
          .usage, "the model has no \(layer.name.rawValue) in block \(layer.block)",
          advice: "it has \(c.linears.map(\.rawValue).joined(separator: ", "))")
      }
    }
    guard Set(layers).count == layers.count else {
      throw Failure(.usage, "a layer has two low-rank parts")
    }
  }
}

extension LowRankShape {
  /// Where learning begins: B is 0, so that nothing is changed, and A uniform within ±1/√inputs
  /// (Kaiming's bound with slope √5, as PEFT begins).
  package func start(_ c: ModelConfiguration, random: inout SeededGenerator) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(count(c))
    for layer in layers {
      let (outputs, inputs) = c.shape(of: layer.name)
      let bound = 1 / Double(inputs).squareRoot()
      for _ in 0..<rank * inputs { values.append(Float((2 * random.uniform() - 1) * bound)) }
      values.append(contentsOf: repeatElement(0, count: outputs * rank))
    }
    return values
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
