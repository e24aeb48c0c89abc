import Bytes

/// An adapter's section: float32 values, everything else in its attributes.
extension StoredAdapter {
  /// The attributes of the adapter's section.
  public var attributes: JSONObject {
    var bound = JSONObject()
    bound["base_model"] = binding.baseModel.map { .string($0.hex) }
    bound["tokenizer"] = binding.tokenizer.map { .string($0.hex) }
    bound["weights"] = binding.weights.map { .string($0.hex) }
    var object = shape.attributes
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
      shape = try AdapterShape(attributes: json, isAdapter: isAdapter)
      guard let count = shape.count, section.layout == .f32, bytes.count == count * 4 else {
        throw Failure(.invalidData, "\(shape.label) doesn't fit its \(bytes.count) bytes")
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
