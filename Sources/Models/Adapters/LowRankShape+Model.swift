import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// The place of a linear layer in a model: its block and its name there.
struct LayerPlace: Sendable, Hashable {
  let block: Int
  let name: LinearName
}

/// The shapes of LoRA adapters for a model.
extension LowRankShape {
  /// The layers of these names in every block, block by block.
  package init(rank: Int, alpha: Double, names: [LinearName], in c: ModelConfiguration) {
    self.init(
      rank: rank, alpha: alpha,
      targets: c.lowRankTargets(LinearName.allCases.filter(names.contains)))
  }

  /// The places of the targets in a model, in their order.
  /// - Throws: `usage` naming what the model hasn't got.
  func layers(in c: ModelConfiguration) throws(Failure) -> [LayerPlace] {
    guard rank >= 1, rank <= 1 << 16, alpha.isFinite, !targets.isEmpty else {
      throw Failure(
        .usage, "low-rank parts of rank \(rank), alpha \(alpha), beside \(targets.count) layers",
        advice: "use a rank of 1 or more and at least one layer")
    }
    var known: [String: LayerPlace] = [:]
    for block in 0..<c.layers {
      for name in c.linears {
        known[c.keys.weight(of: name, block: block)] = LayerPlace(block: block, name: name)
      }
    }
    var layers: [LayerPlace] = []
    for target in targets {
      guard let place = known[target.tensor],
        c.shape(of: place.name) == (target.outputs, target.inputs)
      else {
        throw Failure(
          .usage,
          "the model has no layer \(target.tensor) with \(target.outputs) × \(target.inputs) weights",
          advice: "it has \(c.linears.map(\.rawValue).joined(separator: ", ")) in"
            + " \(c.layers) blocks; low-rank parts fit only models of their own shape")
      }
      layers.append(place)
    }
    guard Set(layers).count == layers.count else {
      throw Failure(.usage, "a layer has two low-rank parts")
    }
    return layers
  }

  /// Initial values [count]: B is 0, so that the model is unchanged, and A uniform within ±1/√inputs
  /// (Kaiming's bound with slope √5, as in PEFT).
  package func start(random: inout SeededGenerator) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(count ?? 0)
    for target in targets {
      let bound = 1 / Double(target.inputs).squareRoot()
      for _ in 0..<rank * target.inputs {
        values.append(Float((2 * random.uniform() - 1) * bound))
      }
      values.append(contentsOf: repeatElement(0, count: target.outputs * rank))
    }
    return values
  }
}

extension ModelConfiguration {
  /// The linear layers `names` of every block, block by block, as targets of low-rank updates.
  package func lowRankTargets(_ names: [LinearName]) -> [LowRankTarget] {
    (0..<layers).flatMap { block in
      names.map { name in
        let (outputs, inputs) = shape(of: name)
        return LowRankTarget(
          tensor: keys.weight(of: name, block: block), outputs: outputs, inputs: inputs)
      }
    }
  }
}
