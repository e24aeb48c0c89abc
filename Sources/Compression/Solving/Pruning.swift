import Numerics

/// How the kernel is to choose what is dropped.
enum Pruning {
  /// - Parameters:
  ///   - weight: [out, in].
  ///   - diagonal: [in] mean squares of the inputs; needed by Wanda.
  static func of(
    _ weight: Tensor, _ settings: TensorSettings, diagonal: [Float]?
  ) -> GPTQKernel.Pruning {
    switch (settings.method, settings.sparsity) {
    case (_, .none): return .none
    case (.gptq, .share(let share)), (.sparseGPT, .share(let share)): return .share(share)
    case (.gptq, .pattern(let kept, let of)), (.sparseGPT, .pattern(let kept, let of)):
      return .pattern(kept: kept, of: of)
    default:
      // Of |w|·‖x‖ only the order counts, and that of the squares is the same.
      let importance = settings.method == .wanda ? diagonal : nil
      var costs = weight.values
      for i in costs.indices {
        costs[i] = costs[i] * costs[i] * (importance?[i % weight.columns] ?? 1)
      }
      return .fixed(mask(costs, columns: weight.columns, settings))
    }
  }

  /// 1 where the cost is among the lowest: of the matrix (magnitude), of its row (Wanda), or of its
  /// group of a pattern.
  private static func mask(
    _ costs: [Float], columns: Int, _ settings: TensorSettings
  ) -> [UInt8] {
    switch settings.sparsity {
    case .none: return []
    case .share(let share) where settings.method == .wanda:
      let count = Int((Double(columns) * share).rounded(.toNearestOrEven))
      return stride(from: 0, to: costs.count, by: columns).flatMap { start in
        LowestCosts.marks(Array(costs[start..<start + columns]), count: count)
      }
    case .share(let share):
      return LowestCosts.marks(
        costs, count: Int((Double(costs.count) * share).rounded(.toNearestOrEven)))
    case .pattern(let kept, let of):
      var mask: [UInt8] = []
      mask.reserveCapacity(costs.count)
      for row in stride(from: 0, to: costs.count, by: columns) {
        for start in stride(from: row, to: row + columns, by: of) {
          let group = Array(costs[start..<min(start + of, row + columns)])
          mask += LowestCosts.marks(group, count: max(0, group.count - kept))
        }
      }
      return mask
    }
  }
}
