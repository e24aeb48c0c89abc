import BundleFormat
import Bytes
import Foundation
import RecipeFields

/// The limits that the results of a task must meet before anything is packaged. They are about the
/// task's first share: `acc`, or what its `metric_list` names first.
package struct TaskLimits: Sendable, Equatable {
  /// The most that the artifact's share may lie below the full model's.
  package var maxDrop: Double?
  /// The lowest share of the artifact: compressed, with its prompt if it has one.
  package var minAccuracy: Double?
  /// Standard errors in the artifact's favour: a limit is missed only by more than this many.
  package var margin = 0.0

  package init(maxDrop: Double? = nil, minAccuracy: Double? = nil, margin: Double = 0) {
    self.maxDrop = maxDrop
    self.minAccuracy = minAccuracy
    self.margin = margin
  }

  package var isEmpty: Bool { maxDrop == nil && minAccuracy == nil }
}

extension TaskLimits {
  /// The name of the section within `gate` that has a section for each task.
  static let section = "tasks"

  static let fields: [RecipeField<TaskLimits>] = [
    .number(
      "max_drop", \.maxDrop, 0...1, absent: "none",
      "the most that the artifact's share of right rows (`acc`, or the task's first metric) may lie below the full model's"
    ),
    .number(
      "min_acc", \.minAccuracy, 0...1, absent: "none",
      "the lowest share of right rows of the artifact: compressed, with its prompt if it has one"),
    .number(
      "margin", \.margin, 0...100,
      "standard errors in the artifact's favour: for `max_drop` those of the difference on the same rows"
    ),
  ]

  var json: JSON { .object(Self.fields.json(of: self)) }

  /// Reads one task's section.
  init(_ source: any FieldSource) {
    self.init()
    source.read(Self.fields, into: &self)
    source.finish()
  }

  /// Compares the measured results of the task `name` with these limits.
  package func checks(_ records: [EvidenceRecord], task name: String) -> [GateRecipe.Limits.Check] {
    let own = records.filter { $0.task?.name == name }
    let full = own.first { $0.model == "full" && $0.prompt == nil }?.task
    let compressed = own.filter { $0.model == "compressed" }
    let shipped = (compressed.last { $0.prompt != nil } ?? compressed.last)?.task
    let metric = shipped?.metrics.first { $0.name != "perplexity" }
    var checks: [GateRecipe.Limits.Check] = []
    if let bound = maxDrop {
      let value = metric.flatMap { metric in
        full?.metric(metric.name).map { $0.value - metric.estimate.value }
      }
      let flips = metric.flatMap { metric in
        shipped?.flips.first { $0.metric == metric.name && $0.against == "full" }
      }
      let error = flips.map { $0.standardErrorOfDrop(rows: shipped?.seen ?? 0) }
      checks.append(
        check("max_drop", bound, value, excess: value.map { $0 - bound }, error: error, "high"))
    }
    if let bound = minAccuracy {
      let value = metric?.estimate.value
      checks.append(
        check(
          "min_acc", bound, value, excess: value.map { bound - $0 },
          error: metric?.estimate.standardError, "low"))
    }
    return checks
  }

  private func check(
    _ limit: String, _ bound: Double, _ value: Double?, excess: Double?, error: Double?,
    _ direction: String
  ) -> GateRecipe.Limits.Check {
    var miss: String? = "\(limit) can't be judged: the number is missing"
    if let value, let excess {
      let allowed = margin * (error ?? 0)
      // Shares are quotients of whole numbers: their difference may miss a limit by a rounding.
      let isMet = excess <= allowed + 1e-12
      let favour =
        margin > 0 ? " (\(Figure.short(margin)) standard errors are \(Figure.short(allowed)))" : ""
      miss =
        isMet
        ? nil
        : "\(limit) is \(Figure.short(bound)), found \(Figure.short(value)),"
          + " \(Figure.short(excess)) too \(direction)\(favour)"
    }
    return GateRecipe.Limits.Check(limit: limit, bound: bound, value: value, miss: miss)
  }
}

extension TaskFlipsRecord {
  /// The standard error of the difference between two shares of the same rows: with differences d of
  /// −1, 0 or 1 per row, √(Σ(d − mean)² / (n − 1) / n).
  func standardErrorOfDrop(rows: Int) -> Double {
    guard rows > 1 else { return 0 }
    let n = Double(rows)
    let difference = Double(rightToWrong.count - wrongToRight.count)
    let squares = Double(rightToWrong.count + wrongToRight.count) - difference * difference / n
    return (max(0, squares) / (n - 1) / n).squareRoot()
  }
}
