import Bytes

/// The routing key of a prompt or prefix: a vector that the queries of the model's first block are
/// compared with, to choose among several prompts.
///
/// It is valid only for the prompt and the weights that it was learned with, and names both.
public struct StoredRoutingKey: Sendable, Equatable {
  /// The prompt's name.
  public var name: String
  /// SHA-256 of the prompt's values as they are stored.
  public let prompt: SHA256Digest
  /// The `weightsDigest` it was learned on.
  public let weights: SHA256Digest
  /// The share of the predicted gain's variance that the key explains, 0 to 1.
  public let explained: Double
  /// The key [heads · headDim], for the first block's queries.
  public let key: [Float]
  /// The logit of a query that is orthogonal to the key.
  public let bias: Float

  /// The routing key of `prompt`, learned on the weights with the digest `weights`.
  public init(
    of prompt: StoredAdapter, weights: SHA256Digest, explained: Double, key: [Float], bias: Float
  ) {
    name = prompt.name
    self.prompt = prompt.valuesDigest
    self.weights = weights
    self.explained = explained
    self.key = key
    self.bias = bias
  }

  var attributes: JSONObject {
    [
      "width": JSON(key.count), "prompt": .string(prompt.hex), "weights": .string(weights.hex),
      "explained": .number(explained),
    ]
  }

  /// - Throws: `invalidData` where an attribute is missing or the size doesn't agree.
  init(section: Section, bytes: ByteSlice) throws(Failure) {
    do throws(Failure) {
      let json = JSON.object(section.attributes)
      let width = try json.required("width", as: Int.self)
      explained = try json.required("explained", as: Double.self)
      guard let prompt = try json.digest("prompt"), let weights = try json.digest("weights") else {
        throw Failure(.invalidData, "its prompt or its weights are not named")
      }
      (self.prompt, self.weights) = (prompt, weights)
      guard (1...1 << 20).contains(width), section.layout == .f32, bytes.count == 4 * (width + 1)
      else {
        throw Failure(
          .invalidData, "a key of \(width) numbers and its bias don't fit its \(bytes.count) bytes")
      }
      guard (0...1).contains(explained) else {
        throw Failure(.invalidData, "it explains \(explained), which is no share")
      }
      name = section.name
      let values = Array(bytes.floats())
      (key, bias) = (Array(values.dropLast()), values[width])
    } catch {
      throw error.located(at: "routing key of prompt \"\(section.name)\"")
    }
  }
}

extension SectionKind {
  /// The key [width] and the bias of a prompt or prefix. A program that doesn't know the type must
  /// not change the bundle: it would leave the key beside another prompt.
  static let promptRoutingKey = SectionKind(
    layouts: [.f32], name: .free,
    flags: SectionFlags(write: SectionFlags.boundToWeights | SectionFlags.typeNeededToWrite),
    owner: .section(types: [.prompt, .adapter])
  ) { (content) throws(Failure) in
    let stored = try StoredRoutingKey(section: content.section, bytes: content.bytes)
    return (stored.key + [stored.bias]).allSatisfy(\.isFinite) ? nil : "a value isn't finite"
  }
}

extension NewSection {
  /// The section of a routing key.
  public static func routingKey(_ stored: StoredRoutingKey) -> NewSection {
    NewSection(
      .promptRoutingKey, name: stored.name, attributes: stored.attributes,
      bytes: ByteSlice([UInt8](floats: stored.key + [stored.bias])))
  }
}

extension ModelBundle {
  /// The routing key of the prompt or prefix `name`; nil if there is none for it and the weights as
  /// they are.
  /// - Throws: `invalidData` where it can't be read.
  public func routingKey(of name: String) throws(Failure) -> StoredRoutingKey? {
    guard let section = section(.promptRoutingKey, named: name) else { return nil }
    do throws(Failure) {
      let stored = try StoredRoutingKey(section: section, bytes: try bytes(of: section))
      return staleness(of: section) == nil ? stored : nil
    } catch { throw error.located(file: path) }
  }
}
