import BundleFormat
import Bytes

/// The measurements of a model card: tables in which each row has its protocol.
extension ModelCard {
  /// All measurements, by kind: perplexities, comparisons with the full model, tasks, similarities.
  var numbers: [String] {
    let lines = ["## Measurements", ""]
    guard !description.evidence.isEmpty else {
      return lines + ["None: this file records no measurement of its quality.", ""]
    }
    return lines + perplexities + comparisons + tasks + similarities
  }

  /// The measured model, which is marked if it has other weights than this file.
  func model(_ record: EvidenceRecord) -> String {
    description.isOfTheseWeights(record)
      ? MarkdownText.escaped(record.model) : "compressed, **other weights than these**"
  }

  static let basisTitles = ["protocol", "windows", "scored tokens", "products"]

  /// The cells under `basisTitles`: how a text was measured.
  static func basis(_ record: EvidenceRecord) -> [String] {
    [
      MarkdownText.escaped(record.protocol), Figure.count(record.windows),
      Figure.count(record.scoredTokens), MarkdownText.escaped(record.products),
    ]
  }

  private var perplexities: [String] {
    let records = description.evidence.filter { $0.task == nil }
    guard !records.isEmpty else { return [] }
    let rows = records.map { record in
      [
        MarkdownText.escaped(record.text), model(record), MarkdownText.escaped(record.promptLabel),
        "\(Figure.fixed(record.ppl, 2)) ± \(Figure.fixed(record.pplStandardError, 2))",
      ] + Self.basis(record)
    }
    var lines = MarkdownText.table(
      ["text", "model", "prompt", "perplexity"] + Self.basisTitles, rows, right: [3, 5, 6])
    lines += [
      "",
      "Perplexity, lower is better, ± its standard error over tokens taken as independent. Two numbers are"
        + " comparable only if text, protocol, windows and scored tokens are the same. The protocol says how the"
        + " text is cut and what is scored: `ctp-N` and `gptq-N` cut windows of N tokens and score all but the first"
        + " token of each, `llamacpp-N` scores the last half of each. A prompt's positions are never scored.",
    ]
    if records.contains(where: { $0.model == "full" && $0.prompt != nil }) {
      lines.append(
        "`full` with a prompt is the control: its gain there is adaptation to the text, not repair."
      )
    }
    return lines + [""]
  }

  /// Ratios of perplexities to the full model's, and divergences from it where they were measured.
  private var comparisons: [String] {
    let records = description.evidence.filter { $0.ratio != nil || $0.divergence != nil }
    guard !records.isEmpty else { return [] }
    let hasDivergence = records.contains { $0.divergence != nil }
    var titles = ["text", "model", "prompt", "perplexity / full's"]
    if hasDivergence { titles += ["KL, mean", "KL, 99 %", "same top token", "Δp, RMS"] }
    let rows = records.map { record in
      var row = [
        MarkdownText.escaped(record.text), model(record), MarkdownText.escaped(record.promptLabel),
        Self.cell(record.ratio.map { Estimate($0.value, standardError: $0.standardError) }) {
          Figure.fixed($0, 4)
        },
      ]
      if hasDivergence {
        let divergence = record.divergence
        row += [
          Self.cell(divergence?.kl.mean, Figure.short),
          Self.cell(divergence?.kl.percentiles["99"], Figure.short),
          Self.percent(divergence?.sameTop), Self.percent(divergence?.rmsDp),
        ]
      }
      return row + Self.basis(record)
    }
    let numeric = Set(3..<titles.count).union([titles.count + 1, titles.count + 2])
    return ["### Against the full model", ""]
      + MarkdownText.table(titles + Self.basisTitles, rows, right: numeric) + [
        "",
        "Compared with the full model without a prompt on the same tokens, ± one standard error from the"
          + " differences window by window (of percentiles: from ranks); a single window has none."
          + (hasDivergence
            ? " KL is KL(full ‖ this) in nats per token, Δp the change of the text's token's probability."
            : ""),
        "",
      ]
  }

  /// "0.1234 ± 0.0012"; a dash without a number.
  static func cell(_ estimate: Estimate?, _ text: (Double) -> String) -> String {
    guard let estimate else { return "–" }
    return text(estimate.value) + (estimate.standardError.map { " ± \(text($0))" } ?? "")
  }

  /// A share as "55.56 ± 17.57 %"; a dash without a number.
  static func percent(_ estimate: Estimate?) -> String {
    guard estimate != nil else { return "–" }
    return cell(estimate) { Figure.fixed($0 * 100, 2) } + " %"
  }
}
