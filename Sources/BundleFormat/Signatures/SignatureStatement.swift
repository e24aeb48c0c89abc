import Bytes

/// The facts that a signature vouches for: the digest of a tree and of what the tree depends on. It
/// is the attributes of the signature's section, and is signed in canonical JSON.
///
/// Prompts and evidence name the weights that they belong to, and evidence the prompts that it was
/// measured with: no signed part can be put beside a part that it wasn't signed for.
public struct SignatureStatement: Sendable, Equatable {
  /// The tree that is signed.
  public var tree: ContentTree
  /// The tree's digest.
  public var root: SHA256Digest
  /// For the weights: the checkpoint that the provenance names; nil where there is none.
  public var baseModel: SHA256Digest?
  /// For the weights: SHA-256 of the tokenizer section; nil where there is none.
  public var tokenizer: SHA256Digest?
  /// For prompts and evidence: the digest of the weights' tree.
  public var weights: SHA256Digest?
  /// For evidence: by name, the digest of each prompt that it was measured with, or null for one
  /// that the bundle doesn't have.
  public var prompts: JSONObject?
  /// The algorithm of the signature.
  public var algorithm: SignatureAlgorithm
  /// The id of the key.
  public var key: SHA256Digest
  /// The time that the signer gave; nil for none. No clock is read.
  public var time: String?

  /// The text before the statement in the bytes that are signed, with a newline: bytes signed for
  /// another purpose are never a statement.
  static let label = "ctpack signature 1"

  /// The bytes that are signed.
  public var message: [UInt8] { Array((Self.label + "\n").utf8) + json.canonicalBytes }

  /// The statement as JSON.
  public var json: JSON {
    var object: JSONObject = [
      "container": .integer(Int64(ContainerLayout.majorVersion)), "tree": .string(tree.rawValue),
      "root": .string(root.hex), "algorithm": .string(algorithm.rawValue), "key": .string(key.hex),
    ]
    object["base_model"] = baseModel.map { .string($0.hex) }
    object["tokenizer"] = tokenizer.map { .string($0.hex) }
    object["weights"] = weights.map { .string($0.hex) }
    object["prompts"] = prompts.map { .object($0) }
    object["time"] = time.map { .string($0) }
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or unknown. Unknown members
  ///   aren't ignored: they could limit what is vouched for.
  public init(json: JSON) throws(Failure) {
    func named<T: RawRepresentable>(_ key: String) throws(Failure) -> T where T.RawValue == String {
      let text = try json.required(key, as: String.self)
      guard let value = T(rawValue: text) else {
        throw Failure(.invalidData, at: "key \"\(key)\"", "names what this program doesn't know")
      }
      return value
    }
    func needed(_ key: String) throws(Failure) -> SHA256Digest {
      guard let digest = try json.digest(key) else {
        throw Failure(.invalidData, at: "key \"\(key)\"", "is missing")
      }
      return digest
    }
    guard try json.required("container", as: Int.self) == Int(ContainerLayout.majorVersion) else {
      throw Failure(.invalidData, at: "key \"container\"", "is of another version of the format")
    }
    tree = try named("tree")
    algorithm = try named("algorithm")
    root = try needed("root")
    key = try needed("key")
    time = try json["time"] == nil ? nil : json.required("time", as: String.self)
    switch tree {
    case .weights:
      baseModel = try json.digest("base_model")
      tokenizer = try json.digest("tokenizer")
    case .prompts: weights = try needed("weights")
    case .evidence:
      weights = try needed("weights")
      prompts = try json.required("prompts", as: JSONObject.self)
      for name in prompts?.keys ?? [] { _ = try JSON.object(prompts ?? [:]).digest(name) }
    }
    if let time, !Self.isTime(time) {
      throw Failure(
        .invalidData, at: "key \"time\"", "expected a time such as 2026-01-31T12:00:00Z")
    }
    guard self.json == json else {
      let known = self.json.object?.keys ?? []
      let odd = json.object?.keys.first { !known.contains($0) }
      throw Failure(
        .invalidData, at: odd.map { "key \"\($0)\"" },
        "is not part of a statement about the \(tree.rawValue)")
    }
  }

  /// A statement about a tree of `content`.
  init(
    _ tree: ContentTree, of content: SignedContent, baseModel: SHA256Digest?, prompts: [String],
    algorithm: SignatureAlgorithm, key: SHA256Digest, time: String?
  ) {
    self.tree = tree
    self.root = content.root(tree)
    self.algorithm = algorithm
    self.key = key
    self.time = time
    if tree == .weights {
      self.baseModel = baseModel
      tokenizer = content.tokenizer
    } else {
      weights = content.root(.weights)
    }
    if tree == .evidence {
      var object = JSONObject()
      for name in prompts { object[name] = content.prompt(name) }
      self.prompts = object
    }
  }

  /// Whether `text` is a UTC time in the form of RFC 3339, to the second: 2026-01-31T12:00:00Z.
  public static func isTime(_ text: String) -> Bool {
    let form = Array("0000-00-00T00:00:00Z".utf8)
    let bytes = Array(text.utf8)
    guard bytes.count == form.count else { return false }
    for (byte, model) in zip(bytes, form) {
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      guard model == UInt8(ascii: "0") ? isDigit : byte == model else { return false }
    }
    func number(_ start: Int) -> Int { Int(bytes[start] - 48) * 10 + Int(bytes[start + 1] - 48) }
    return (1...12).contains(number(5)) && (1...31).contains(number(8)) && number(11) < 24
      && number(14) < 60 && number(17) <= 60
  }
}
