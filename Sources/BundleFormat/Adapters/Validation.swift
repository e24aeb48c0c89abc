import Bytes

/// A measurement of an adapter on given weights.
public struct Validation: Sendable, Equatable {
  /// The `weightsDigest` it was measured on.
  public var weights: SHA256Digest
  /// Id of the evaluation protocol.
  public var `protocol`: String
  /// Name of the text.
  public var text: String
  /// SHA-256 of the text, if known.
  public var textDigest: SHA256Digest?
  /// Perplexity without and with the adapter, over the same tokens.
  public var pplWithout: Double
  /// Perplexity with the adapter, over the same tokens.
  public var pplWith: Double
  /// The number of those tokens.
  public var scoredTokens: Int
  /// Arithmetic of the matrix products, e.g. "bfloat16"; nil for float32.
  public var arithmetic: String?

  /// A measurement on the weights with the digest `weights`.
  public init(
    weights: SHA256Digest, protocol: String, text: String, textDigest: SHA256Digest?,
    pplWithout: Double, pplWith: Double, scoredTokens: Int, arithmetic: String? = nil
  ) {
    self.weights = weights
    self.protocol = `protocol`
    self.text = text
    self.textDigest = textDigest
    self.pplWithout = pplWithout
    self.pplWith = pplWith
    self.scoredTokens = scoredTokens
    self.arithmetic = arithmetic
  }
}

extension Validation {
  /// The measurement as JSON.
  public var json: JSON {
    var object: JSONObject = [
      "weights": .string(weights.hex), "protocol": .string(`protocol`), "text": .string(text),
      "ppl_without": .number(pplWithout), "ppl_with": .number(pplWith),
      "scored_tokens": JSON(scoredTokens),
    ]
    object["text_sha256"] = textDigest.map { .string($0.hex) }
    object["arithmetic"] = arithmetic.map { .string($0) }
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    guard let weights = try json.digest("weights") else {
      throw Failure(.invalidData, at: "key \"weights\"", "is missing")
    }
    self.init(
      weights: weights, protocol: try json.required("protocol", as: String.self),
      text: try json.required("text", as: String.self), textDigest: try json.digest("text_sha256"),
      pplWithout: try json.required("ppl_without", as: Double.self),
      pplWith: try json.required("ppl_with", as: Double.self),
      scoredTokens: try json.required("scored_tokens", as: Int.self),
      arithmetic: try json["arithmetic"] == nil
        ? nil : json.required("arithmetic", as: String.self))
  }
}
