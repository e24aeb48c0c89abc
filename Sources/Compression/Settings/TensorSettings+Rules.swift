import Bytes
import RecipeFields

/// Contradictions between the settings of one matrix.
extension TensorSettings {
  /// Rules between fields, for settings that compress.
  package static let rules: [FieldRule<TensorSettings>] = [
    FieldRule("bits") {
      !$0.quantizes || GridSettings.packableBits.contains($0.grid.bits)
        ? nil
        : FieldContradiction("weights of \($0.grid.bits) bits can't be packed: use 2, 3, 4 or 8")
    },
    // With act-order a group's columns are scattered over the solving order, so there is no first
    // column at which to fit its grid.
    FieldRule("static_groups", "act_order") {
      $0.quantizes && $0.method.feedsErrorsForward && $0.actOrder && !$0.staticGroups
        && $0.grid.group != .row
        ? FieldContradiction(
          "act_order with groups needs static_groups, because stored groups are runs of neighbouring columns"
        )
        : nil
    },
    FieldRule("range") {
      $0.quantizes && !$0.method.needsStatistics && $0.grid.rangeSearch == .weighted
        ? FieldContradiction(
          "clip-weighted needs statistics that \($0.method.rawValue) doesn't gather: use clip")
        : nil
    },
    FieldRule("sparsity", "method") { $0.sparsity.contradiction },
    FieldRule("sparsity", "method") {
      switch ($0.method, $0.sparsity) {
      case (.sparseGPT, .none), (.wanda, .none), (.magnitude, .none):
        FieldContradiction(
          "\($0.method.rawValue) prunes, but no sparsity is given",
          advice: "add `sparsity: 0.5` or `sparsity: 2:4`, or quantize with gptq")
      case (.roundToNearest, .share), (.roundToNearest, .pattern):
        FieldContradiction(
          "rtn drops no weights, but a sparsity is given",
          advice: "prune with sparsegpt, wanda or magnitude")
      default: nil
      }
    },
    FieldRule("repair_steps", "sparsity", "method") {
      $0.repairSteps > 0 && $0.sparsity == .none
        ? FieldContradiction(
          "\($0.repairSteps) repair steps, but nothing is dropped",
          advice: "add a sparsity, or leave `repair_steps` out")
        : nil
    },
    FieldRule("drift", "sparsity", "method") {
      $0.drift?.method == .gptaq && !$0.method.feedsErrorsForward
        ? FieldContradiction(
          "gptaq compensates for drift in later columns, but \($0.method.rawValue) solves all columns at once",
          advice: "use `drift: qep`, or gptq or sparsegpt")
        : nil
    },
    FieldRule("first_order", "sparsity", "method") {
      $0.firstOrder > 0 && !$0.method.feedsErrorsForward
        ? FieldContradiction(
          "a first-order term applies only to errors that are fed forward, but \($0.method.rawValue) feeds none forward",
          advice: "use gptq or sparsegpt, or leave `first_order` out")
        : nil
    },
  ]

  /// Checks that the settings don't contradict each other and that a matrix with `columns` inputs
  /// can have them.
  ///
  /// - Parameter columns: nil if the shape isn't known yet (a recipe read before its checkpoint).
  /// - Throws: `Failure(.usage)` naming the tensor and a fix.
  package func validate(columns: Int? = nil, tensor: String? = nil) throws(Failure) {
    guard compresses else { return }
    if let (name, fault) = Self.fields.fault(in: Draft(self)) {
      throw Failure(
        .usage, at: tensor, "`\(name)` of \(fault.found) lies outside \(fault.allowed)")
    }
    for rule in Self.rules {
      if let found = rule.contradiction(self) {
        throw Failure(.usage, at: tensor, found.finding, advice: found.advice)
      }
    }
    try sparsity.validate(columns: columns, tensor: tensor)
    if quantizes, case .columns(let width) = grid.group, let columns, width > columns {
      throw Failure(
        .usage, at: tensor, "a group of \(width) columns is wider than a row of \(columns)",
        advice: "write `row` for one group per row")
    }
  }
}
