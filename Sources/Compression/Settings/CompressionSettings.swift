import Bytes
import Checkpoints
import Models

/// The compression settings of a whole model.
package struct CompressionSettings: Sendable, Hashable {
  /// The settings of linear layers that no rule matches.
  package var linear: TensorSettings
  /// Settings that override `linear`; if several rules match a layer, the last one applies.
  package var rules: [CompressionRule]
  /// Whether each set of layers is calibrated on inputs that include the errors of earlier sets in
  /// the block ({q, k, v} → {o} → {gate, up} or {up} → {down}); false calibrates all on the
  /// uncompressed block's.
  package var trueSequential: Bool
  /// The storage format of the token embedding.
  package var embeddings: MatrixStorage
  /// The storage format of the output head, if it isn't tied to the embedding.
  package var outputHead: MatrixStorage

  /// - Parameter outputHead: nil for the format of the embeddings.
  package init(
    linear: TensorSettings = TensorSettings(), rules: [CompressionRule] = [],
    trueSequential: Bool = true, embeddings: MatrixStorage = .q8,
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

  /// Whether any layer corrects for drift, so that the uncompressed model runs alongside.
  package var needsFullModel: Bool {
    ([linear] + rules.map(\.settings)).contains { $0.compresses && $0.drift != nil }
  }

  /// The settings without corrections for drift, for inputs of the uncompressed model.
  package var withoutDrift: CompressionSettings {
    var settings = self
    settings.linear.drift = nil
    for index in settings.rules.indices { settings.rules[index].settings.drift = nil }
    return settings
  }

  /// The storage format of a tensor outside the blocks' linear layers.
  package func storage(of tensor: String) -> MatrixStorage {
    if tensor == "lm_head.weight" { return outputHead }
    if tensor.hasSuffix("embed_tokens.weight") || embeddings.dense != nil { return embeddings }
    // Positions and projections are small, and everything passes through them.
    return .f16
  }

  /// Checks that the layers of `model` can have their settings and that every rule matches a layer.
  ///
  /// - Throws: `Failure(.usage)` naming the layer or the rule.
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
        .usage, "the rule for `\(pattern)` matches no layer of the model",
        advice: "layers have names like \(model.keys.weight(of: model.linears[0], block: 0))")
    }
  }
}
