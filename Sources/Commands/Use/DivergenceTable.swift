import BundleFormat
import Bytes
import Evaluation
import Pipeline

/// The divergence of a model from another as a table, under the names that llama.cpp's `perplexity
/// --kl-divergence` prints: Q is the measured model, base the other one.
struct DivergenceTable {
  private let divergence: DivergenceRecord
  private let comparison: ModelComparison

  init(_ divergence: DivergenceRecord, _ comparison: ModelComparison) {
    self.divergence = divergence
    self.comparison = comparison
  }

  /// The rows, each a name and a number with its standard error where there is one.
  var lines: [String] {
    let (d, ratio) = (divergence, comparison.ratio)
    var rows = [
      row("Mean PPL(Q)", comparison.result.estimate), row("Mean PPL(base)", d.basePerplexity),
    ]
    rows.append(
      d.correlation.map { row("Cor(ln(PPL(Q)), ln(PPL(base)))", $0, .percent) }
        ?? ["Cor(ln(PPL(Q)), ln(PPL(base)))", "-"])
    rows.append(row("Mean ln(PPL(Q)/PPL(base))", d.lnRatio))
    rows.append(
      row(
        "Mean PPL(Q)/PPL(base)", Estimate(ratio.value, standardError: ratio.standardError)))
    rows.append(row("Mean PPL(Q)-PPL(base)", d.perplexityDifference))
    rows += distribution("KLD", d.kl, .plain)
    rows += distribution("Δp", d.dp, .percent)
    rows.append(row("RMS Δp", d.rmsDp, .percent))
    rows.append(row("Same top p", d.sameTop, .percent))
    return Output.table(rows) + [
      "  Errors take windows as independent, those of percentiles tokens."
    ]
  }

  private enum Unit {
    case plain, percent
  }

  private func row(_ name: String, _ estimate: Estimate, _ unit: Unit = .plain) -> [String] {
    func text(_ value: Double) -> String {
      unit == .percent ? Figure.fixed(100 * value, 3) : Figure.fixed(value, 6)
    }
    let error = estimate.standardError.map { " ± \(text($0))" } ?? ""
    return [name, text(estimate.value) + error + (unit == .percent ? " %" : "")]
  }

  private func distribution(
    _ name: String, _ own: DivergenceRecord.Distribution, _ unit: Unit
  ) -> [[String]] {
    [row("Mean \(name)", own.mean, unit), row("Maximum \(name)", Estimate(own.maximum), unit)]
      + own.percents.map { percent in
        row(
          percent == "50" ? "Median \(name)" : "\(percent)% \(name)",
          own.percentiles[percent] ?? own.median, unit)
      } + [row("Minimum \(name)", Estimate(own.minimum), unit)]
  }
}

extension Perplexity {
  /// The perplexity with an error that takes windows as independent, as the other rows' errors do.
  fileprivate var estimate: Estimate { Estimate(value, standardError: windowError) }
}
