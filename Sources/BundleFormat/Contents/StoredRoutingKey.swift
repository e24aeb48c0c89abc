import Bytes

/// What the queries of the model's first block find a prompt by, to choose among several. It belongs to
/// the prompt and the weights that it was learned with, and names both: queries of other weights miss it.
public struct StoredRoutingKey: Sendable, Equatable {
  /// The prompt's name.
  public var name: String
  /// SHA-256 of the prompt's values, as they are stored.
  public let prompt: SHA256Digest
  /// The `weightsDigest` it was learned on.
  public let weights: SHA256Digest
  /// The share of what it predicts that it explains, 0 ... 1.
  public let explained: Double
  /// [heads·headDim] of the first block's queries.
  public let key: [Float]
  public let bias: Float

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

  /// Throws `invalidData` where the attributes miss something or the size doesn't agree.
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

extension NewSection {
  /// A program that doesn't know the type may not change the bundle: it would leave it beside another
  /// prompt.
  public static func routingKey(_ stored: StoredRoutingKey) -> NewSection {
    NewSection(
      type: .promptRoutingKey, layout: .f32, name: stored.name, attributes: stored.attributes,
      bytes: ByteSlice([UInt8](floats: stored.key + [stored.bias])),
      flags: SectionFlags(
        write: SectionFlags.boundToWeights | SectionFlags.typeNeededToWrite))
  }
}

extension ModelBundle {
  /// The routing key of the prompt or prefix `name`; nil where there is none for it and the weights as they
  /// are.
  public func routingKey(of name: String) throws(Failure) -> StoredRoutingKey? {
    guard let section = section(.promptRoutingKey, named: name) else { return nil }
    let stored: StoredRoutingKey
    do throws(Failure) {
      stored = try StoredRoutingKey(section: section, bytes: try bytes(of: section))
    } catch { throw error.located(file: path) }
    return stored.prompt == adapterSection(named: name)?.sha256 && stored.weights == weightsDigest
      ? stored : nil
  }
}
