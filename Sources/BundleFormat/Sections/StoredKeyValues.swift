import Bytes

/// The keys and values of a prompt in every block of the model, computed once, so that the prompt
/// needn't run through the model before each text.
///
/// They are valid only for the prompt and the weights that they were computed with, and name both.
public struct StoredKeyValues: Sendable {
  /// The prompt's name.
  public var name: String
  /// Rows of the prompt.
  public var tokens: Int
  /// Blocks of the model.
  public var layers: Int
  /// Numbers in one row of keys: kvHeads · headDim.
  public var width: Int
  /// SHA-256 of the prompt's embeddings as they are stored.
  public var prompt: SHA256Digest
  /// The `weightsDigest` they were computed with.
  public var weights: SHA256Digest
  /// float16 [layers, 2, tokens, width]: per block all keys (rotated if the model rotates them),
  /// then all values.
  public var values: ByteSlice

  /// The keys and values `values` of `prompt`, computed with the weights whose digest is `weights`.
  ///
  /// - Parameter prompt: rows before the token embeddings; other adapters have no such section.
  public init(
    of prompt: StoredAdapter, layers: Int, width: Int, weights: SHA256Digest, values: ByteSlice
  ) {
    name = prompt.name
    tokens = prompt.tokens
    self.layers = layers
    self.width = width
    self.prompt = prompt.valuesDigest
    self.weights = weights
    self.values = values
  }

  var attributes: JSONObject {
    [
      "tokens": JSON(tokens), "layers": JSON(layers), "width": JSON(width),
      "prompt": .string(prompt.hex), "weights": .string(weights.hex),
    ]
  }

  /// - Throws: `invalidData` where an attribute is missing or the sizes don't agree.
  init(section: Section, bytes: ByteSlice) throws(Failure) {
    do throws(Failure) {
      let json = JSON.object(section.attributes)
      tokens = try json.required("tokens", as: Int.self)
      layers = try json.required("layers", as: Int.self)
      width = try json.required("width", as: Int.self)
      guard let prompt = try json.digest("prompt"), let weights = try json.digest("weights") else {
        throw Failure(.invalidData, "its prompt or its weights are not named")
      }
      (self.prompt, self.weights) = (prompt, weights)
      let sizes = [tokens, layers, width]
      // Each is within the file's size, so that the product can't overflow.
      guard sizes.allSatisfy({ (1...1 << 20).contains($0) }), section.layout == .f16,
        bytes.count == 4 * tokens * layers * width
      else {
        throw Failure(
          .invalidData,
          "\(tokens) tokens of width \(width) in \(layers) blocks don't fit its \(bytes.count)"
            + " bytes")
      }
      name = section.name
      values = bytes
    } catch {
      throw error.located(at: "keys and values of prompt \"\(section.name)\"")
    }
  }
}

extension SectionKind {
  /// Keys and values of a prompt. A program that doesn't know the type must not change the bundle:
  /// it would leave them beside another prompt.
  static let promptKeyValues = SectionKind(
    layouts: [.f16], name: .free,
    flags: SectionFlags(write: SectionFlags.boundToWeights | SectionFlags.typeNeededToWrite),
    owner: .section(types: [.prompt])
  ) { (content) throws(Failure) in
    _ = try StoredKeyValues(section: content.section, bytes: content.bytes)
    return content.bytes.isFinite(as: .float16) ? nil : "a value isn't finite"
  }
}

extension NewSection {
  /// The section of a prompt's keys and values.
  public static func keyValues(_ stored: StoredKeyValues) -> NewSection {
    NewSection(
      .promptKeyValues, name: stored.name, attributes: stored.attributes, bytes: stored.values)
  }
}

extension ModelBundle {
  /// The stored keys and values of the prompt `name`; nil if there are none for the prompt and the
  /// weights as they are.
  /// - Throws: `invalidData` where they can't be read.
  public func keyValues(of name: String) throws(Failure) -> StoredKeyValues? {
    guard let section = section(.promptKeyValues, named: name),
      self.section(.prompt, named: name) != nil
    else { return nil }
    do throws(Failure) {
      let stored = try StoredKeyValues(section: section, bytes: try bytes(of: section))
      return staleness(of: section) == nil ? stored : nil
    } catch { throw error.located(file: path) }
  }
}
