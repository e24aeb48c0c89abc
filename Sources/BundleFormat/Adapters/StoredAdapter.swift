import Bytes

/// A named adapter of a bundle: a soft prompt, a hard prompt, a prefix or LoRA, with the weights
/// that it is bound to.
public struct StoredAdapter: Sendable, Equatable {
  /// The name, which no other adapter of the bundle has.
  public var name: String
  /// The kind and the sizes.
  public var shape: AdapterShape
  /// As many values as the shape counts, in its order; finite.
  public var values: [Float]
  /// Digests of the model that it was learned on.
  public var binding: Binding
  /// The loss that was minimised: "cross-entropy", "kl" …; "none" for a hard prompt.
  public var objective: String
  /// Measurements on the weights that it was validated on.
  public var validatedOn: [Validation]
  /// The record of how it was learned: settings, the curve, `data` … (an object, or null).
  public var training: JSON
  /// Whether it was put onto weights without being measured there.
  public var unvalidated: Bool

  /// The base model, the tokenizer and the weights that an adapter was learned on. A digest that
  /// isn't known is nil.
  public struct Binding: Sendable, Equatable {
    /// The base model.
    public var baseModel: SHA256Digest?
    /// The raw bytes of the tokenizer section.
    public var tokenizer: SHA256Digest?
    /// The `weightsDigest` of the bundle.
    public var weights: SHA256Digest?

    /// The digests that are known; nil for the others.
    public init(baseModel: SHA256Digest?, tokenizer: SHA256Digest?, weights: SHA256Digest?) {
      self.baseModel = baseModel
      self.tokenizer = tokenizer
      self.weights = weights
    }
  }

  /// An adapter of any kind. `values`: as many as `shape` counts.
  public init(
    name: String, shape: AdapterShape, values: [Float], binding: Binding, objective: String,
    validatedOn: [Validation] = [], training: JSON = .null, unvalidated: Bool = false
  ) {
    self.name = name
    self.shape = shape
    self.values = values
    self.binding = binding
    self.objective = objective
    self.validatedOn = validatedOn
    self.training = training
    self.unvalidated = unvalidated
  }

  /// A soft prompt of `tokens` rows of `width`.
  public init(
    name: String, tokens: Int, width: Int, embeddings: [Float], binding: Binding, objective: String,
    validatedOn: [Validation] = [], training: JSON = .null, unvalidated: Bool = false
  ) {
    self.init(
      name: name, shape: .embeddings(tokens: tokens, width: width, ids: nil), values: embeddings,
      binding: binding, objective: objective, validatedOn: validatedOn, training: training,
      unvalidated: unvalidated)
  }

  /// Positions before a text's first token.
  public var tokens: Int { shape.tokens }

  /// The texts it was learned from and chosen by; empty where they weren't recorded.
  public var trainingData: [Provenance.DataSource] {
    (training["data"]?.array ?? []).compactMap { try? Provenance.DataSource(json: $0) }
  }

  /// SHA-256 of the values as they are stored.
  var valuesDigest: SHA256Digest { SHA256Digest(hashing: ByteSlice([UInt8](floats: values))) }
}

extension StoredAdapter {
  /// Records a measurement, in place of an earlier one of the same weights, protocol and text.
  public mutating func add(_ validation: Validation) {
    validatedOn.removeAll {
      $0.weights == validation.weights && $0.protocol == validation.protocol
        && $0.text == validation.text && $0.textDigest == validation.textDigest
    }
    validatedOn.append(validation)
  }
}
