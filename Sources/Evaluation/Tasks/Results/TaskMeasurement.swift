import Bytes
import Foundation

/// A model's results on a task, with all data needed to compare them with others.
package struct TaskMeasurement: Sendable {
  /// A number with its standard error.
  package struct Estimate: Sendable, Equatable {
    package let value: Double
    package let standardError: Double
  }

  package let task: TaskDescription
  /// The outcomes, in the order of the rows.
  package let outcomes: [TaskOutcome]
  /// Rows of the file, seen or not.
  package let total: Int
  /// Items whose context was cut from the left to fit the model.
  package let truncated: Int
  /// Name and SHA-256 of each file, by role: task, rows, labels, fewshot.
  package let files: [(role: String, name: String, digest: SHA256Digest)]
  /// The prompt's name; nil for none, "auto" if it was chosen for each item.
  package let prompt: String?
  /// The number of items for which each prompt was chosen; empty if there was no choice.
  package let chosenPrompts: [(prompt: String, items: Int)]

  /// Rows seen.
  package var seen: Int { outcomes.count }

  /// A metric's value with its standard error.
  ///
  /// The standard error of a share is √(p(1 − p)/(n − 1)), the sample deviation over √n, as in
  /// lm-evaluation-harness. That of a perplexity is value · s/√n with s the sample deviation of the
  /// items' log-likelihoods, by first-order error propagation.
  package func estimate(_ metric: TaskDescription.Metric) -> Estimate {
    let n = Double(outcomes.count)
    guard n > 0 else { return Estimate(value: 0, standardError: 0) }
    if metric.isShare {
      let p = Double(outcomes.count { $0.right.contains(metric) }) / n
      return Estimate(value: p, standardError: n > 1 ? (p * (1 - p) / (n - 1)).squareRoot() : 0)
    }
    let losses = outcomes.map { -$0.answer.logLikelihood }
    let mean = losses.reduce(0, +) / n
    let squares = losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let deviation = n > 1 ? (squares / (n - 1)).squareRoot() : 0
    return Estimate(value: exp(mean), standardError: exp(mean) * deviation / n.squareRoot())
  }

  /// The flips from `full`, one for each share that the task measures.
  /// - Throws: `usage` if they aren't of the same rows of the same files.
  package func flips(from full: TaskMeasurement) throws(Failure) -> [TaskFlips] {
    for (own, other) in zip(files, full.files) where own.digest != other.digest {
      throw Failure(
        .usage, "the results are of different files: \(own.role) \(own.name)",
        advice: "measure both with the same task file and rows")
    }
    var flips: [TaskFlips] = []
    for metric in task.metrics where metric.isShare {
      flips.append(try TaskFlips(metric, from: full.outcomes, to: outcomes))
    }
    return flips
  }
}
