import Bytes

/// A prompt's section: f32 values, everything else in its attributes.
extension Prompt {
  /// The attributes of the prompt's section.
  public var attributes: JSONObject {
    var bound = JSONObject()
    bound["base_model"] = binding.baseModel.map { .string($0.hex) }
    bound["tokenizer"] = binding.tokenizer.map { .string($0.hex) }
    bound["weights"] = binding.weights.map { .string($0.hex) }
    var object = form.attributes
    object["binding"] = .object(bound)
    object["objective"] = .string(objective)
    object["unvalidated"] = .bool(unvalidated)
    object["validated_on"] = .array(validatedOn.map(\.json))
    if !training.isNull { object["training"] = training }
    return object
  }

  /// Throws `invalidData` where the attributes miss something or the sizes don't agree.
  init(section: Section, bytes: ByteSlice) throws(Failure) {
    let isAdapter = section.type == .adapter
    do throws(Failure) {
      let json = JSON.object(section.attributes)
      form = try Form(attributes: json, isAdapter: isAdapter)
      guard let count = form.count, section.layout == .f32, bytes.count == count * 4 else {
        throw Failure(.invalidData, "\(form.label) doesn't fit its \(bytes.count) bytes")
      }
      name = section.name
      values = bytes.floats()
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
      throw error.located(at: section.label)
    }
  }
}

extension NewSection {
  /// A prompt or adapter.
  public static func prompt(_ prompt: Prompt) -> NewSection {
    NewSection(
      type: prompt.form.sectionType, layout: .f32, name: prompt.name,
      attributes: prompt.attributes, bytes: ByteSlice([UInt8](floats: prompt.values)),
      flags: SectionFlags(write: SectionFlags.boundToWeights))
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
