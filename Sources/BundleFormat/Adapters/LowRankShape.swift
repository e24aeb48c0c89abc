/// A linear layer that has a low-rank update, by the name and the shape of its weights.
public struct LowRankTarget: Sendable, Equatable {
  /// The name of the layer's weight tensor [outputs, inputs].
  public var tensor: String
  /// Rows of the weights.
  public var outputs: Int
  /// Columns of the weights.
  public var inputs: Int

  /// The target `tensor` [outputs, inputs].
  public init(tensor: String, outputs: Int, inputs: Int) {
    self.tensor = tensor
    self.outputs = outputs
    self.inputs = inputs
  }
}

/// The rank, the scale and the layers of a LoRA adapter.
///
/// Each target's weights W [outputs, inputs] become W + alpha/rank · B·A, with A [rank, inputs] and
/// B [outputs, rank].
public struct LowRankShape: Sendable, Equatable {
  /// Rows of A and columns of B.
  public var rank: Int
  /// The numerator of the scale alpha/rank; finite.
  public var alpha: Double
  /// The updated layers, in the order of their numbers.
  public var targets: [LowRankTarget]

  /// Updates of rank `rank` of the layers `targets`.
  public init(rank: Int, alpha: Double, targets: [LowRankTarget]) {
    self.rank = rank
    self.alpha = alpha
    self.targets = targets
  }

  /// The number of values, those of A and B of all targets; nil where a size is impossible or too
  /// large, or a target occurs twice.
  public var count: Int? {
    guard alpha.isFinite, !targets.isEmpty, Set(targets.map(\.tensor)).count == targets.count
    else { return nil }
    var sum = 0
    for target in targets {
      guard let a = AdapterShape.product(rank, target.inputs),
        let b = AdapterShape.product(target.outputs, rank),
        sum <= AdapterShape.maximumElements - a - b
      else { return nil }
      sum += a + b
    }
    return sum
  }
}
