import Bytes
import Checkpoints
import Models

/// What a recipe decides about compressing a whole model.
package struct CompressionSettings: Sendable, Hashable {
  /// For every linear layer of every block that no rule fits.
  package var linear: TensorSettings
  /// Of several that fit a layer the last one counts.
  package var rules: [CompressionRule]
  /// Each set of layers is calibrated on inputs that carry the error of the sets before it in the
  /// block ({q, k, v} → {o} → {gate, up} or {up} → {down}); otherwise all on the uncompressed block's.
  package var trueSequential: Bool
  package var embeddings: MatrixStorage
  package var outputHead: MatrixStorage

  package init(
    linear: TensorSettings = TensorSettings(), rules: [CompressionRule] = [],
    trueSequential: Bool = true, embeddings: MatrixStorage = .f16,
    outputHead: MatrixStorage? = nil
  ) {
    self.linear = linear
    self.rules = rules
    self.trueSequential = trueSequential
    self.embeddings = embeddings
    self.outputHead = outputHead ?? embeddings
  }

  /// The settings of one linear layer's weight, by its checkpoint key.
  package func settings(for tensor: String) -> TensorSettings {
    rules.last { $0.fits(tensor) }?.settings ?? linear
  }

  /// Whether some layer corrects for drift, so that the uncompressed model runs beside.
  package var needsFullModel: Bool {
    ([linear] + rules.map(\.settings)).contains { $0.compresses && $0.drift != nil }
  }

  /// The same for layers whose inputs haven't drifted.
  package var withoutDrift: CompressionSettings {
    var settings = self
    settings.linear.drift = nil
    for index in settings.rules.indices { settings.rules[index].settings.drift = nil }
    return settings
  }

  /// How a tensor outside the blocks' linear layers is stored.
  package func storage(of tensor: String) -> MatrixStorage {
    if tensor == "lm_head.weight" { return outputHead }
    if tensor.hasSuffix("embed_tokens.weight") || embeddings.dense != nil { return embeddings }
    // Positions and projections are small, and everything passes through them.
    return .f16
  }

  /// Refuses settings that no layer of `model` can have and rules that fit none, before anything runs.
  package func validate(for model: ModelConfiguration) throws(Failure) {
    var unused = Set(rules.map(\.pattern))
    for block in 0..<model.layers {
      for name in model.linears {
        let key = model.keys.weight(of: name, block: block)
        for pattern in unused where CompressionRule(pattern: pattern, settings: linear).fits(key) {
          unused.remove(pattern)
        }
        try settings(for: key).validate(columns: model.shape(of: name).columns, tensor: key)
      }
    }
    if let pattern = rules.map(\.pattern).first(where: unused.contains) {
      throw Failure(
        .usage, "the rule for `\(pattern)` fits no layer of the model",
        advice: "layers are called like \(model.keys.weight(of: model.linears[0], block: 0))")
    }
  }
}
