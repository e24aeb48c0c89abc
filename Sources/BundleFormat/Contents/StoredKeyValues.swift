import Bytes

/// The keys and values that a prompt has in every block of the model, computed once: whoever uses
/// the prompt needn't run it through the model. Worth nothing for other weights or another prompt,
/// so it names both.
public struct StoredKeyValues: Sendable {
  /// The prompt's name.
  public var name: String
  public var tokens: Int
  public var layers: Int
  /// Numbers of one row of keys: kvHeads · headDim.
  public var width: Int
  /// SHA-256 of the prompt's embeddings, as they are stored.
  public var prompt: SHA256Digest
  /// The `weightsDigest` they were computed with.
  public var weights: SHA256Digest
  /// float16, [layers, 2, tokens, width]: per block all keys (rotated where the model
  /// rotates them), then all values.
  public var values: ByteSlice

  /// - Parameter prompt: rows before the token embeddings; adapters have no use for this.
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

  /// Throws `invalidData` where the attributes miss something or the sizes don't agree.
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

extension NewSection {
  /// A program that doesn't know the type may not change the bundle: it would leave them beside
  /// another prompt.
  public static func keyValues(_ stored: StoredKeyValues) -> NewSection {
    NewSection(
      type: .promptKeyValues, layout: .f16, name: stored.name, attributes: stored.attributes,
      bytes: stored.values,
      flags: SectionFlags(
        write: SectionFlags.boundToWeights | SectionFlags.typeNeededToWrite))
  }
}

extension ModelBundle {
  /// The stored keys and values of the prompt `name`; nil where there are none for the prompt and
  /// the weights as they are.
  public func keyValues(of name: String) throws(Failure) -> StoredKeyValues? {
    guard let section = section(.promptKeyValues, named: name),
      let prompt = self.section(.prompt, named: name)
    else { return nil }
    let stored: StoredKeyValues
    do throws(Failure) {
      stored = try StoredKeyValues(section: section, bytes: try bytes(of: section))
    } catch { throw error.located(file: path) }
    return stored.prompt == prompt.sha256 && stored.weights == weightsDigest ? stored : nil
  }
}
