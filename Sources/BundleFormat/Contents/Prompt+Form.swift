import Bytes

extension Prompt {
  /// The kind and the sizes of what was learned.
  public enum Form: Sendable, Equatable {
    /// [n, d] rows before the token embeddings. `ids` are the n tokens whose embeddings they are,
    /// where they are a text's (a hard prompt).
    case embeddings(tokens: Int, width: Int, ids: [Int32]?)
    /// [layers, 2, n, width]: per block all keys, as they go into the cache, then all values.
    case prefix(tokens: Int, layers: Int, width: Int)
    /// Per target A [rank, inputs], then B [outputs, rank]; alpha/rank·B·A is added to the tensor.
    case lowRank(rank: Int, alpha: Double, targets: [Target])
  }

  /// A tensor that has a low-rank part.
  public struct Target: Sendable, Equatable {
    public var tensor: String
    public var outputs: Int
    public var inputs: Int

    public init(tensor: String, outputs: Int, inputs: Int) {
      self.tensor = tensor
      self.outputs = outputs
      self.inputs = inputs
    }
  }
}

extension Prompt.Form {
  static let maximumElements = 1 << 28
  private static let maximumExtent = 1 << 24

  /// What recipes and reports call it.
  public var kind: String {
    switch self {
    case .embeddings(_, _, let ids): ids == nil ? "soft" : "hard"
    case .prefix: "prefix"
    case .lowRank: "lora"
    }
  }

  /// The type of the section that holds it.
  public var sectionType: SectionType {
    if case .embeddings = self { .prompt } else { .adapter }
  }

  /// Positions before a text's first token.
  public var tokens: Int {
    switch self {
    case .embeddings(let tokens, _, _), .prefix(let tokens, _, _): tokens
    case .lowRank: 0
    }
  }

  /// The sizes in words.
  public var label: String {
    switch self {
    case .embeddings(let tokens, let width, _): "\(tokens) tokens × \(width)"
    case .prefix(let tokens, let layers, let width):
      "prefix of \(tokens) × \(width) in \(layers) blocks"
    case .lowRank(let rank, _, let targets): "LoRA of rank \(rank) beside \(targets.count) layers"
    }
  }

  /// How many numbers there are; nil where a size is impossible or too large.
  public var count: Int? {
    func product(_ sizes: Int...) -> Int? {
      var result = 1
      for size in sizes {
        guard (1...Self.maximumExtent).contains(size), result <= Self.maximumElements / size else {
          return nil
        }
        result *= size
      }
      return result
    }
    switch self {
    case .embeddings(let tokens, let width, let ids):
      guard ids.map({ $0.count == tokens && $0.allSatisfy { $0 >= 0 } }) ?? true else { return nil }
      return product(tokens, width)
    case .prefix(let tokens, let layers, let width): return product(2, tokens, layers, width)
    case .lowRank(let rank, let alpha, let targets):
      guard alpha.isFinite, !targets.isEmpty, Set(targets.map(\.tensor)).count == targets.count
      else { return nil }
      var sum = 0
      for target in targets {
        guard let a = product(rank, target.inputs), let b = product(target.outputs, rank),
          sum <= Self.maximumElements - a - b
        else { return nil }
        sum += a + b
      }
      return sum
    }
  }
}

/// Sizes as attributes of the section, or as a value of their own.
extension Prompt.Form {
  public var json: JSON {
    var object = attributes
    object["kind"] = .string(kind)
    return .object(object)
  }

  /// What `json` gave.
  /// - Throws: `invalidData` where it isn't that.
  public init(json: JSON) throws(Failure) {
    let kind = try json.required("kind", as: String.self)
    try self.init(attributes: json, isAdapter: kind != "soft" && kind != "hard")
  }

  var attributes: JSONObject {
    switch self {
    case .embeddings(let tokens, let width, let ids):
      var object: JSONObject = ["tokens": JSON(tokens), "width": JSON(width)]
      object["ids"] = ids.map { .array($0.map { .integer(Int64($0)) }) }
      return object
    case .prefix(let tokens, let layers, let width):
      return [
        "kind": .string(kind), "tokens": JSON(tokens), "layers": JSON(layers), "width": JSON(width),
      ]
    case .lowRank(let rank, let alpha, let targets):
      return [
        "kind": .string(kind), "rank": JSON(rank), "alpha": .number(alpha),
        "targets": .array(
          targets.map {
            [
              "tensor": .string($0.tensor), "outputs": JSON($0.outputs), "inputs": JSON($0.inputs),
            ]
          }),
      ]
    }
  }

  /// - Parameter isAdapter: whether the section is one; else it is a prompt.
  init(attributes json: JSON, isAdapter: Bool) throws(Failure) {
    func size(_ key: String) throws(Failure) -> Int { try json.required(key, as: Int.self) }
    let kind = isAdapter ? try json.required("kind", as: String.self) : "soft"
    switch kind {
    case "soft":
      var ids: [Int32]?
      if let array = json["ids"]?.array {
        ids = try array.map { (id) throws(Failure) in
          guard let id = id.int, let short = Int32(exactly: id) else {
            throw Failure(.invalidData, at: "key \"ids\"", "holds what is no token's id")
          }
          return short
        }
      } else if json["ids"] != nil {
        throw Failure(.invalidData, at: "key \"ids\"", "expected an array")
      }
      self = .embeddings(tokens: try size("tokens"), width: try size("width"), ids: ids)
    case "prefix":
      self = .prefix(
        tokens: try size("tokens"), layers: try size("layers"), width: try size("width"))
    case "lora":
      var targets: [Prompt.Target] = []
      for entry in try json.required("targets", as: [JSON].self) {
        targets.append(
          Prompt.Target(
            tensor: try entry.required("tensor", as: String.self),
            outputs: try entry.required("outputs", as: Int.self),
            inputs: try entry.required("inputs", as: Int.self)))
      }
      self = .lowRank(
        rank: try size("rank"), alpha: try json.required("alpha", as: Double.self),
        targets: targets)
    default:
      throw Failure(
        .invalidData, at: "key \"kind\"", "an adapter of the kind “\(kind)”",
        advice: "use a newer ctpack")
    }
  }
}
