import Bytes

/// A prompt's section: f32 embeddings, everything else in its attributes.
extension Prompt {
  static let maximumElements = 1 << 28

  /// The attributes of the prompt's section.
  public var attributes: JSONObject {
    var bound = JSONObject()
    bound["base_model"] = binding.baseModel.map { .string($0.hex) }
    bound["tokenizer"] = binding.tokenizer.map { .string($0.hex) }
    bound["weights"] = binding.weights.map { .string($0.hex) }
    var object: JSONObject = [
      "binding": .object(bound), "objective": .string(objective), "tokens": JSON(tokens),
      "width": JSON(width), "unvalidated": .bool(unvalidated),
      "validated_on": .array(validatedOn.map(\.json)),
    ]
    if !training.isNull { object["training"] = training }
    return object
  }

  /// Throws `invalidData` where the attributes miss something or the sizes don't agree.
  init(section: Section, bytes: ByteSlice) throws(Failure) {
    let place = "prompt \"\(section.name)\""
    do throws(Failure) {
      let json = JSON.object(section.attributes)
      tokens = try json.required("tokens", as: Int.self)
      width = try json.required("width", as: Int.self)
      let (count, overflowed) = tokens.multipliedReportingOverflow(by: width)
      guard tokens >= 1, width >= 1, !overflowed, count <= Self.maximumElements,
        section.layout == .f32, bytes.count == count * 4
      else {
        throw Failure(
          .invalidData, "\(tokens) tokens of width \(width) don't fit its \(bytes.count) bytes")
      }
      name = section.name
      embeddings = bytes.floats()
      objective = try json.required("objective", as: String.self)
      let bound = try json.required("binding")
      binding = Binding(
        baseModel: try bound.digest("base_model"), tokenizer: try bound.digest("tokenizer"),
        weights: try bound.digest("weights"))
      validatedOn = []
      for entry in try json.required("validated_on", as: [JSON].self) {
        validatedOn.append(try Validation(json: entry))
      }
      training = json["training"] ?? .null
      unvalidated = try json.required("unvalidated", as: Bool.self)
    } catch {
      throw error.located(at: place)
    }
  }
}

extension Validation {
  public var json: JSON {
    var object: JSONObject = [
      "weights": .string(weights.hex), "protocol": .string(`protocol`), "text": .string(text),
      "ppl_without": .number(pplWithout), "ppl_with": .number(pplWith),
      "scored_tokens": JSON(scoredTokens),
    ]
    object["text_sha256"] = textDigest.map { .string($0.hex) }
    return .object(object)
  }

  public init(json: JSON) throws(Failure) {
    guard let weights = try json.digest("weights") else {
      throw Failure(.invalidData, at: "key \"weights\"", "is missing")
    }
    self.init(
      weights: weights, protocol: try json.required("protocol", as: String.self),
      text: try json.required("text", as: String.self), textDigest: try json.digest("text_sha256"),
      pplWithout: try json.required("ppl_without", as: Double.self),
      pplWith: try json.required("ppl_with", as: Double.self),
      scoredTokens: try json.required("scored_tokens", as: Int.self))
  }
}

extension JSON {
  /// The member `key` as SHA-256; nil where absent, `invalidData` where it is anything else.
  public func digest(_ key: String) throws(Failure) -> SHA256Digest? {
    guard let value = self[key], !value.isNull else { return nil }
    guard let text = value.string, let digest = SHA256Digest(hex: text) else {
      throw Failure(.invalidData, at: "key \"\(key)\"", "expected 64 lower-case hexadecimal digits")
    }
    return digest
  }
}
