import BundleFormat
import Bytes
import Foundation
import Numerics

extension TaskMeasurement {
  /// The longest generated text that a record keeps, in code points.
  private static let keptText = 80

  /// The results as a bundle and `ctpack task --json` hold them.
  /// - Parameter flips: the differences from the model `against`.
  package func record(against: String = "full", flips: [TaskFlips] = []) -> TaskRecord {
    func items(_ items: [TaskFlips.Item]) -> [TaskFlipsRecord.Item] {
      items.map { .init(row: $0.row, from: Self.kept($0.from), to: Self.kept($0.to)) }
    }
    return TaskRecord(
      name: task.name, shots: task.fewshot, seen: seen, total: total, truncated: truncated,
      metrics: task.metrics.map {
        let estimate = estimate($0)
        return (
          $0.rawValue, .init(value: estimate.value, standardError: estimate.standardError)
        )
      },
      files: files.map { ($0.role, .init(name: $0.name, sha256: $0.digest)) },
      flips: flips.map {
        TaskFlipsRecord(
          metric: $0.metric.rawValue, against: against, pValue: $0.pValue,
          rightToWrong: items($0.rightToWrong), wrongToRight: items($0.wrongToRight),
          wrongToWrong: items($0.wrongToWrong))
      })
  }

  private static func kept(_ answer: TaskFlips.Answer) -> JSON {
    guard case .text(let text) = answer else { return answer.json }
    return .string(PythonText.joined(text.unicodeScalars.prefix(keptText)))
  }

  /// The id of the rules by which tasks are put to a model: those of lm-evaluation-harness 0.4.
  package static let protocolID = "lm-eval-0.4"

  /// The evidence record of this measurement for a bundle.
  ///
  /// - Parameters:
  ///   - model: the name of the measured model ("full", "compressed" …), and the digest of its weights.
  ///   - flips: the differences from the full model.
  /// - Throws: `notMet` if the right answers' perplexity is beyond float64's range.
  package func evidence(
    model: (name: String, digest: SHA256Digest?), arithmetic: Arithmetic = .float32,
    flips: [TaskFlips] = []
  ) throws(Failure) -> EvidenceRecord {
    let tokens = outcomes.reduce(0) { $0 + $1.answer.tokens }
    let nll = -outcomes.reduce(0) { $0 + $1.answer.logLikelihood }
    let mean = tokens == 0 ? 0 : nll / Double(tokens)
    // Per token, with the items as independent draws: the mean is a ratio of two sums over them.
    let n = Double(outcomes.count)
    let squares = outcomes.reduce(0.0) {
      let rest = -$1.answer.logLikelihood - mean * Double($1.answer.tokens)
      return $0 + rest * rest
    }
    let deviation = tokens == 0 || n < 2 ? 0 : (n / (n - 1) * squares).squareRoot() / Double(tokens)
    let record = EvidenceRecord(
      protocol: Self.protocolID, text: task.name,
      textDigest: files.first { $0.role == "rows" }?.digest,
      arithmetic: arithmetic == .float32 ? nil : arithmetic.rawValue, model: model.name,
      modelDigest: model.digest, prompt: prompt, ppl: exp(mean),
      pplStandardError: exp(mean) * deviation, nll: nll,
      scoredTokens: tokens, tokens: tokens, windows: seen,
      task: record(flips: flips))
    try record.checkFinite()
    return record
  }
}
