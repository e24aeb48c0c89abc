import Bytes
import Compression

extension AllocateStage {
  /// Returns the ratings with errors converted to nats: `loss`, measured for all these layers
  /// together, is divided among them in proportion to their errors.
  static func weighted(
    _ layers: [(tensor: String, ratings: [CandidateRating])], loss: Double,
    _ settings: CompressionSettings
  ) -> [(tensor: String, ratings: [CandidateRating])] {
    let error = layers.reduce(0.0) { sum, layer in
      let base = settings.settings(for: layer.tensor)
      return sum + (layer.ratings.first { $0.settings == base }?.error ?? 0)
    }
    let price = error > 0 ? loss / error : 1
    return layers.map { layer in
      let ratings = layer.ratings.map {
        CandidateRating(settings: $0.settings, bytes: $0.bytes, error: $0.error * price)
      }
      return (layer.tensor, ratings)
    }
  }
}

extension CompressionSettings {
  /// Returns these settings with a rule for each layer's choice of an allocation.
  ///
  /// - Throws: `invalidData` naming the tensor or key that is wrong.
  func with(choices: JSON) throws(Failure) -> CompressionSettings {
    var settings = self
    for choice in choices.array ?? [] {
      let tensor = try choice.required("tensor", as: String.self)
      var own = self.settings(for: tensor)
      own.grid.bits = try choice.required("bits", as: Int.self)
      let label = try choice.required("sparsity", as: String.self)
      guard let sparsity = Sparsity(label) else {
        throw Failure(.invalidData, at: tensor, "\"\(label)\" is not a sparsity")
      }
      own.sparsity = sparsity
      settings.rules.append(CompressionRule(pattern: tensor, settings: own))
    }
    return settings
  }
}
