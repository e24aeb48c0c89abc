import Bytes

/// The first view: for each bundle one sentence, and four bars for each text.
extension ReportPage {
  var summary: Section? {
    Section(
      "summary", bundles.count == 1 ? "In one sentence" : "In one sentence each",
      bundles.enumerated().map { index, bundle in
        let comparisons = bundle.comparisons(data.protocols)
        var content = bundles.count == 1 ? [] : [HTML("h3", text: bundle.name)]
        content.append(sentence(bundle, comparisons.first))
        if let first = comparisons.first { content.append(bars(first)) }
        if comparisons.count > 1 {
          content.append(
            folded(
              "\(comparisons.count - 1) more: other texts or prompts",
              comparisons.dropFirst().map(bars)))
        }
        content.append(everything(bundle))
        return HTML("article", ["id": "bundle-\(index + 1)", "class": "card"], content)
      })
  }

  /// The sentence that names the bundle, the cost of compression, and the share that the prompt gave back.
  func sentence(_ bundle: ReportBundle, _ comparison: ReportComparison?) -> HTML {
    let share = Double(bundle.fileBytes) / Double(max(1, 2 * bundle.parameters))
    var words: [HTML] = [
      HTML("strong", text: bundle.name),
      HTML(
        text:
          " stores \(bundle.baseModelName ?? "its model") in \(Figure.bytes(bundle.fileBytes)), "
          + "\(Figure.fixed(share, 2)) of its size in float16"),
    ]
    guard let comparison, comparison[.full] != nil || comparison[.compressed] != nil else {
      words.append("; its quality has not been measured.")
      return HTML("p", ["class": "lead"], words)
    }
    func value(_ subject: ReportSubject) -> HTML? {
      comparison[subject].map {
        number(ReportFigure.perplexity($0.perplexity.value), comparison.protocol)
      }
    }
    words.append("; on \(comparison.text), ")
    if let full = value(.full) {
      words += ["the full model’s perplexity is ", full]
      if comparison[.compressed] != nil { words.append(", ") }
    }
    if let compressed = value(.compressed) {
      words += ["the compressed model’s ", comparison[.full] == nil ? "perplexity " : ""]
      words += ["is ", compressed]
      if let ratio = comparison.ratio(.compressed) {
        words.append(" (\(Figure.fixed(ratio.value, 3)) times)")
      }
    }
    if let prompted = value(.compressedWithPrompt), let prompt = comparison.prompt {
      words += [", and with the prompt ", HTML("code", text: prompt), " it is ", prompted]
      words.append(HTML(text: comparison.verdict))
    }
    words.append(".")
    return HTML("p", ["class": "lead"], words)
  }

  /// A table of up to four perplexities with bars that begin at 0.
  func bars(_ comparison: ReportComparison) -> HTML {
    let shown = ReportSubject.allCases.compactMap { comparison[$0] }
    let longest =
      shown.map { $0.perplexity.value + ($0.perplexity.error ?? 0) }.max() ?? 1
    let rows = shown.map { score in
      HTML(
        "tr", ["class": score.subject.rawValue],
        [
          HTML("th", ["scope": "row"], text: score.subject.label),
          HTML("td", ["class": "plot"], [bar(score, longest)]),
          HTML("td", ["class": "num"], [perplexity(score)]),
          HTML("td", ["class": "num"], [ratio(score, comparison)]),
        ])
    }
    let caption = HTML(
      "caption", [:],
      [
        "Perplexity of \(comparison.text)",
        HTML(text: comparison.prompt.map { ", prompt “\($0)”" } ?? ""), ", lower is better ",
        protocolLink(comparison.protocol),
      ])
    let head = HTML(
      "tr", [:],
      [
        HTML("th", ["scope": "col"], text: "model"), HTML("td", ["class": "plot"]),
        HTML("th", ["scope": "col", "class": "num"], text: "perplexity"),
        HTML("th", ["scope": "col", "class": "num"], text: "of full"),
      ])
    let table = HTML(
      "table", ["class": "bars"],
      [caption, HTML("thead", [:], [head]), HTML("tbody", [:], rows)])
    return HTML([table, barNotes(comparison)])
  }

  private func bar(_ score: ReportScore, _ longest: Double) -> HTML {
    let value = score.perplexity.value
    var parts = [
      HTML(
        "rect",
        [
          "x": "0", "y": "3", "width": ReportFigure.place(value, of: longest), "height": "16",
          "rx": "2",
        ])
    ]
    if let error = score.perplexity.error {
      let (low, high) = (
        ReportFigure.place(value - error, of: longest),
        ReportFigure.place(value + error, of: longest)
      )
      parts.append(HTML("line", ["x1": low, "x2": high, "y1": "11", "y2": "11"]))
      for end in [low, high] {
        parts.append(HTML("line", ["x1": end, "x2": end, "y1": "7", "y2": "15"]))
      }
    }
    return HTML("svg", ["class": "bar", "height": "22", "aria-hidden": "true"], parts)
  }

  private func ratio(_ score: ReportScore, _ comparison: ReportComparison) -> HTML {
    guard score.subject != .full, let ratio = comparison.ratio(score.subject) else { return "–" }
    let text = number("× " + Figure.fixed(ratio.value, 3), score.protocol)
    guard let error = ratio.error else { return text }
    return HTML([text, HTML("span", ["class": "error"], text: " ± " + ReportFigure.error(error))])
  }

  private func barNotes(_ comparison: ReportComparison) -> HTML {
    let scores = ReportSubject.allCases.compactMap { comparison[$0] }
    var notes: [String] = []
    if scores.contains(where: { $0.ratio?.error != nil }) {
      notes.append("± after a ratio is paired, window by window, with the full model.")
    } else if scores.count > 1 {
      notes.append(
        "± is each number’s own standard error. The numbers are of the same tokens, so their "
          + "differences are known better than that; no paired error is stored.")
    }
    if comparison[.fullWithPrompt] != nil {
      notes.append(
        "full + prompt is a control: what the prompt gains there is adaptation to the text, not repair."
      )
    }
    return notes.isEmpty ? .empty : note([HTML(text: notes.joined(separator: " "))])
  }

  /// Every stored perplexity of a bundle, and whose it is.
  private func everything(_ bundle: ReportBundle) -> HTML {
    guard !bundle.scores.isEmpty else { return .empty }
    let rows = bundle.scores.map { score -> [HTML] in
      let prompt =
        score.rule.map { "chosen for each window: \($0)" } ?? score.prompt ?? "none"
      return [
        HTML(text: data.protocols[score.protocol].text), HTML(text: score.subject.label),
        HTML(text: prompt), perplexity(score), protocolLink(score.protocol),
        score.isOfOtherWeights ? "of OTHER weights than these" : "",
      ]
    }
    let title = "All \(rows.count) stored perplexities"
    return folded(
      title,
      [
        table(
          title + (bundles.count == 1 ? "" : " of \(bundle.name)"),
          ["text", "model", "prompt", "perplexity", "protocol", "note"], rows, right: [3])
      ])
  }
}

extension ReportComparison {
  /// The ratio of a perplexity to the full model's: as stored with its paired error, or else of the
  /// two numbers, without one.
  func ratio(_ subject: ReportSubject) -> ReportValue? {
    guard let score = self[subject], let full = self[.full], subject != .full else { return nil }
    return score.ratio ?? ReportValue(score.perplexity.value / full.perplexity.value)
  }

  /// The prompt's effect, as the end of a sentence.
  fileprivate var verdict: String {
    guard let plain = self[.compressed]?.perplexity.value,
      let prompted = self[.compressedWithPrompt]?.perplexity.value
    else { return "" }
    guard let closed = gapClosed else {
      guard self[.full] != nil else { return prompted < plain ? ", which is better" : "" }
      return ", though there is no gap to close"
    }
    return closed >= 0
      ? ", which closes \(Figure.percent(closed)) of the gap" : ", which makes it worse"
  }
}
