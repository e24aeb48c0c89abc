import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// A linear layer of a model, given by its block and its name.
struct LayerPlace: Sendable, Hashable {
  let block: Int
  let name: LinearName
}

/// LoRA shapes for a model, from its configuration.
extension LowRankShape {
  /// The shape of a LoRA adapter for the layers `names` of every block, block by block.
  package init(rank: Int, alpha: Double, names: [LinearName], in c: ModelConfiguration) {
    self.init(
      rank: rank, alpha: alpha,
      targets: c.lowRankTargets(LinearName.allCases.filter(names.contains)))
  }

  /// The layers of a model that the targets name, in the order of the targets.
  /// - Throws: `usage` if the rank or alpha is out of range, or a target isn't a layer of the model
  ///   or is given twice.
  func layers(in c: ModelConfiguration) throws(Failure) -> [LayerPlace] {
    guard rank >= 1, rank <= 1 << 16, alpha.isFinite, !targets.isEmpty else {
      throw Failure(
        .usage, "a LoRA adapter of rank \(rank) and alpha \(alpha) for \(targets.count) layers",
        advice: "use a rank of 1 to \(1 << 16), a finite alpha and at least one layer")
    }
    var known: [String: LayerPlace] = [:]
    for block in 0..<c.layers {
      for name in c.linears {
        known[c.keys.weight(of: name, block: block)] = LayerPlace(block: block, name: name)
      }
    }
    var layers: [LayerPlace] = []
    var seen: Set<LayerPlace> = []
    for target in targets {
      guard let place = known[target.tensor],
        c.shape(of: place.name) == (target.outputs, target.inputs)
      else {
        throw Failure(
          .usage,
          "the model has no layer \(target.tensor) with"
            + " \(target.outputs) × \(target.inputs) weights",
          advice: "it has \(c.linears.map(\.rawValue).joined(separator: ", ")) in"
            + " \(c.layers) blocks; use a LoRA adapter that was learned for this model")
      }
      guard seen.insert(place).inserted else {
        throw Failure(
          .usage, "the LoRA adapter has two updates for layer \(target.tensor)",
          advice: "use at most one for each layer")
      }
      layers.append(place)
    }
    return layers
  }

  /// Initial values [count]: B is 0, so that the model is unchanged at first, and A is uniform
  /// within ±1/√inputs (Kaiming's bound with slope √5, as in PEFT).
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
  /// LoRA targets for the linear layers `names` of every block, block by block.
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
