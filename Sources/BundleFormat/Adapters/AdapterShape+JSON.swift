import Bytes

/// The shape as attributes of a section, or as a JSON value on its own.
extension AdapterShape {
  /// The shape as a JSON object.
  public var json: JSON {
    var object = attributes
    object["kind"] = .string(kind.rawValue)
    return .object(object)
  }

  /// Reads what `json` wrote.
  /// - Throws: `invalidData` where it isn't that.
  public init(json: JSON) throws(Failure) {
    let kind = try json.required("kind", as: String.self)
    let prompts = [AdapterKind.soft, .hard].map(\.rawValue)
    try self.init(attributes: json, isAdapter: !prompts.contains(kind))
  }

  var attributes: JSONObject {
    switch self {
    case .embeddings(let tokens, let width, let ids):
      var object: JSONObject = ["tokens": JSON(tokens), "width": JSON(width)]
      object["ids"] = ids.map { .array($0.map { .integer(Int64($0)) }) }
      return object
    case .prefix(let tokens, let layers, let width):
      return [
        "kind": .string(kind.rawValue), "tokens": JSON(tokens), "layers": JSON(layers),
        "width": JSON(width),
      ]
    case .lowRank(let shape):
      return [
        "kind": .string(kind.rawValue), "rank": JSON(shape.rank), "alpha": .number(shape.alpha),
        "targets": .array(
          shape.targets.map {
            [
              "tensor": .string($0.tensor), "outputs": JSON($0.outputs), "inputs": JSON($0.inputs),
            ]
          }),
      ]
    }
  }

  /// - Parameter isAdapter: whether the section's type is `adapter`, which names its kind; a `prompt`
  ///   section holds embeddings and names none.
  init(attributes json: JSON, isAdapter: Bool) throws(Failure) {
    func size(_ key: String) throws(Failure) -> Int { try json.required(key, as: Int.self) }
    let name = isAdapter ? try json.required("kind", as: String.self) : AdapterKind.soft.rawValue
    switch AdapterKind(rawValue: name) {
    case .soft:
      self = .embeddings(
        tokens: try size("tokens"), width: try size("width"), ids: try Self.ids(json))
    case .prefix:
      self = .prefix(
        tokens: try size("tokens"), layers: try size("layers"), width: try size("width"))
    case .lora:
      var targets: [LowRankTarget] = []
      for entry in try json.required("targets", as: [JSON].self) {
        targets.append(
          LowRankTarget(
            tensor: try entry.required("tensor", as: String.self),
            outputs: try entry.required("outputs", as: Int.self),
            inputs: try entry.required("inputs", as: Int.self)))
      }
      self = .lowRank(
        LowRankShape(
          rank: try size("rank"), alpha: try json.required("alpha", as: Double.self),
          targets: targets))
    case .hard, nil:
      throw Failure(
        .invalidData, at: "key \"kind\"", "an adapter of the kind “\(name)”",
        advice: "use a newer ctpack")
    }
  }

  /// The tokens of a hard prompt; nil where the attributes name none.
  private static func ids(_ json: JSON) throws(Failure) -> [Int32]? {
    guard let value = json["ids"] else { return nil }
    guard let array = value.array else {
      throw Failure(.invalidData, at: "key \"ids\"", "expected an array")
    }
    return try array.map { (id) throws(Failure) in
      guard let id = id.int, let short = Int32(exactly: id) else {
        throw Failure(.invalidData, at: "key \"ids\"", "holds what is no token's id")
      }
      return short
    }
  }
}
