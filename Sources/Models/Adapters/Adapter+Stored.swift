import BundleFormat
import Bytes
import Checkpoints
import Numerics

extension Adapter {
  /// A bundle's adapter, for a model of this shape.
  /// - Throws: `usage` where it is for another.
  package init(_ stored: Prompt, for c: ModelConfiguration) throws(Failure) {
    do throws(Failure) {
      self = try AdapterShape(stored.form, for: c).adapter(stored.values, for: c)
    } catch {
      throw error.located(at: "prompt “\(stored.name)”")
    }
  }
}

extension AdapterShape {
  /// - Throws: `usage` where the form is for a model of another shape.
  package init(_ form: Prompt.Form, for c: ModelConfiguration) throws(Failure) {
    switch form {
    case .embeddings(let tokens, let width, _):
      guard width == c.embeddingSize else {
        throw Failure(
          .usage, "its vectors are \(width) wide, the model's \(c.embeddingSize)",
          advice: "a prompt fits only models of its own width")
      }
      self = .prompt(tokens: tokens)
    case .prefix(let tokens, let layers, let width):
      guard layers == c.layers, width == c.kvHeads * c.headDim else {
        throw Failure(
          .usage,
          "it has rows of \(width) for \(layers) blocks, the model rows of"
            + " \(c.kvHeads * c.headDim) in \(c.layers)",
          advice: "a prefix fits only models of its own shape")
      }
      self = .prefix(tokens: tokens)
    case .lowRank(let rank, let alpha, let targets):
      let places = c.layerPlaces
      var layers: [LayerPlace] = []
      for target in targets {
        guard let place = places[target.tensor], c.shape(of: place.name) == target.shape else {
          throw Failure(
            .usage,
            "the model has no layer \(target.tensor) with \(target.outputs) × \(target.inputs)"
              + " weights",
            advice: "low-rank parts fit only models of their own shape")
        }
        layers.append(place)
      }
      self = .lowRank(LowRankShape(rank: rank, alpha: alpha, layers: layers))
    }
  }

  /// How a bundle names this shape.
  /// - Parameter ids: the tokens whose embeddings a hard prompt is; nil for a learned one.
  package func form(_ c: ModelConfiguration, ids: [Int32]? = nil) -> Prompt.Form {
    switch self {
    case .prompt(let tokens):
      return .embeddings(tokens: tokens, width: c.embeddingSize, ids: ids)
    case .prefix(let tokens):
      return .prefix(tokens: tokens, layers: c.layers, width: c.kvHeads * c.headDim)
    case .lowRank(let shape):
      return .lowRank(
        rank: shape.rank, alpha: shape.alpha,
        targets: shape.layers.map { layer in
          let (outputs, inputs) = c.shape(of: layer.name)
          return Prompt.Target(
            tensor: c.keys.weight(of: layer.name, block: layer.block), outputs: outputs,
            inputs: inputs)
        })
    }
  }
}

extension Prompt.Target {
  fileprivate var shape: (rows: Int, columns: Int) { (outputs, inputs) }
}

extension ModelConfiguration {
  /// The linear layers of all blocks by their tensors' names.
  fileprivate var layerPlaces: [String: LayerPlace] {
    var places: [String: LayerPlace] = [:]
    for block in 0..<layers {
      for name in linears {
        places[keys.weight(of: name, block: block)] = LayerPlace(block: block, name: name)
      }
    }
    return places
  }
}
