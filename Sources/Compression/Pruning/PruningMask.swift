import Numerics

/// The weights that a pruning method drops: a mask found before the column loop (Wanda, magnitude),
/// or a rule that the column loop follows (SparseGPT).
enum PruningMask {
  /// The pruning rule of a weight matrix.
  ///
  /// - Parameters:
  ///   - weight: [out, in].
  ///   - diagonal: [in] H_cc, twice the mean square of each input; needed by Wanda.
  static func of(
    _ weight: Tensor, _ settings: TensorSettings, diagonal: [Float]?
  ) -> GPTQKernel.Pruning {
    switch (settings.method, settings.sparsity) {
    case (_, .none): return .none
    case (.gptq, .share(let share)), (.sparseGPT, .share(let share)): return .share(share)
    case (.gptq, .pattern(let kept, let of)), (.sparseGPT, .pattern(let kept, let of)):
      return .pattern(kept: kept, of: of)
    case (.wanda, _):
      // Only the order of |w|·‖x‖ matters, and squares have the same order.
      var costs = squares(of: weight)
      if let diagonal {
        for i in costs.indices { costs[i] *= diagonal[i % weight.columns] }
      }
      return .fixed(mask(costs, columns: weight.columns, settings))
    default:
      let equals = MagnitudeTieBreaker(weight)
      return .fixed(
        mask(squares(of: weight), columns: weight.columns, settings, ties: equals.rank))
    }
  }

  private static func squares(of weight: Tensor) -> [Float] { weight.values.map { $0 * $0 } }

  /// A mask [out, in], 1 if the cost is among the lowest of the matrix (magnitude), of its row
  /// (Wanda), or of its n:m group.
  ///
  /// - Parameter ties: a weight's rank among those of equal cost, by its index; the lowest is
  ///   dropped first.
  private static func mask(
    _ costs: [Float], columns: Int, _ settings: TensorSettings, ties: ((Int) -> Float)? = nil
  ) -> [UInt8] {
    func lowest(_ range: Range<Int>, count: Int) -> [UInt8] {
      LowestCosts.marks(
        range.count == costs.count ? costs : Array(costs[range]), count: count,
        ties: ties.map { ties in { ties(range.lowerBound + $0) } })
    }
    switch settings.sparsity {
    case .none: return []
    case .share(let share) where settings.method == .wanda:
      let count = Int((Double(columns) * share).rounded(.toNearestOrEven))
      return stride(from: 0, to: costs.count, by: columns).flatMap { start in
        lowest(start..<start + columns, count: count)
      }
    case .share(let share):
      return lowest(
        0..<costs.count, count: Int((Double(costs.count) * share).rounded(.toNearestOrEven)))
    case .pattern(let kept, let of):
      var mask: [UInt8] = []
      mask.reserveCapacity(costs.count)
      for row in stride(from: 0, to: costs.count, by: columns) {
        for start in stride(from: row, to: row + columns, by: of) {
          let group = start..<min(start + of, row + columns)
          mask += lowest(group, count: max(0, group.count - kept))
        }
      }
      return mask
    }
  }
}
