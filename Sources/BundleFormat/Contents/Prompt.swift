import Bytes

/// What was learned beside frozen weights and is used under its name: a soft prompt, or an adapter
/// in its place; and what it is bound to.
public struct Prompt: Sendable, Equatable {
  public var name: String
  public var form: Form
  /// As many as the form says, in its order; finite.
  public var values: [Float]
  public var binding: Binding
  /// What was minimised: "cross-entropy", "kl" …; "none" where nothing was.
  public var objective: String
  /// The weights it was measured on, with the numbers.
  public var validatedOn: [Validation]
  /// How it was learned: settings, the curve, `data` … (an object, or null).
  public var training: JSON
  /// Set where it was put onto weights without being measured there.
  public var unvalidated: Bool

  /// What the prompt was learned on. A digest that isn't known is nil.
  public struct Binding: Sendable, Equatable {
    public var baseModel: SHA256Digest?
    public var tokenizer: SHA256Digest?
    /// The `weightsDigest` of the bundle.
    public var weights: SHA256Digest?

    public init(baseModel: SHA256Digest?, tokenizer: SHA256Digest?, weights: SHA256Digest?) {
      self.baseModel = baseModel
      self.tokenizer = tokenizer
      self.weights = weights
    }
  }

  public init(
    name: String, form: Form, values: [Float], binding: Binding, objective: String,
    validatedOn: [Validation] = [], training: JSON = .null, unvalidated: Bool = false
  ) {
    self.name = name
    self.form = form
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
      name: name, form: .embeddings(tokens: tokens, width: width, ids: nil), values: embeddings,
      binding: binding, objective: objective, validatedOn: validatedOn, training: training,
      unvalidated: unvalidated)
  }

  /// Positions before a text's first token.
  public var tokens: Int { form.tokens }

  /// What it was learned from and chosen by; empty where nobody wrote it down.
  public var trainingData: [Provenance.DataSource] {
    (training["data"]?.array ?? []).compactMap { try? Provenance.DataSource(json: $0) }
  }

  /// SHA-256 of the values as they are stored.
  var valuesDigest: SHA256Digest { SHA256Digest(hashing: ByteSlice([UInt8](floats: values))) }
}

/// One measurement of a prompt on given weights.
public struct Validation: Sendable, Equatable {
  /// The `weightsDigest` it was measured on.
  public var weights: SHA256Digest
  /// Id of the evaluation protocol.
  public var `protocol`: String
  /// Name of the text.
  public var text: String
  public var textDigest: SHA256Digest?
  /// Perplexity without and with the prompt, over the same tokens.
  public var pplWithout: Double
  public var pplWith: Double
  public var scoredTokens: Int

  public init(
    weights: SHA256Digest, protocol: String, text: String, textDigest: SHA256Digest?,
    pplWithout: Double, pplWith: Double, scoredTokens: Int
  ) {
    self.weights = weights
    self.protocol = `protocol`
    self.text = text
    self.textDigest = textDigest
    self.pplWithout = pplWithout
    self.pplWith = pplWith
    self.scoredTokens = scoredTokens
  }
}
