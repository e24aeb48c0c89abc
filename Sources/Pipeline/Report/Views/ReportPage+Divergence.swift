import Bytes

/// The divergence of each model's predictions from the full model's: a strip of percentiles of the KL
/// divergence on a logarithmic scale, and the share of tokens with the same top token.
extension ReportPage {
  var divergence: Section? {
    let scales = DivergenceScale.all(bundles)
    let content = forEachBundle { bundle in
      let scores = bundle.scores.filter { $0.divergence != nil }
      return scores.groupedInOrder(by: \.protocol).compactMap { number, own in
        scales[number].map { strips(own, number, $0) }
      }
    }
    guard !content.isEmpty else { return nil }
    let words =
      "Perplexity is a mean and hides damage that evens out; divergence doesn’t. A strip goes from the 1st to "
      + "the 99th percentile of the KL divergence in nats, on a logarithmic scale, its box from the 10th to the "
      + "90th; the tick is the median, the dot the mean, the cross the maximum."
    return Section(
      "divergence", "Divergence from the full model", [HTML("p", text: words)] + content)
  }

  private func strips(_ scores: [ReportScore], _ number: Int, _ scale: DivergenceScale) -> HTML {
    let rows = scores.compactMap { score -> HTML? in
      guard let d = score.divergence else { return nil }
      let cells = [
        HTML("th", ["scope": "row"], text: label(score)),
        HTML("td", ["class": "plot"], [strip(d, scale)]),
        value(d.mean, number) { Figure.short($0) }, plain(d[50], number),
        plain(d[99], number), plain(d.maximum, number),
        value(d.sameTop, number) { Figure.percent($0) },
        value(d.meanDelta, number) { ReportFigure.change($0) },
      ]
      return HTML("tr", ["class": score.subject.rawValue], cells)
    }
    let titles = ["model", "", "mean", "median", "99 %", "maximum", "same top", "mean Δp"]
    let head = titles.map {
      HTML(
        "th", ["scope": "col", "class": $0.isEmpty ? "plot" : $0 == "model" ? "word" : "num"],
        text: $0)
    }
    let caption = HTML(
      "caption", [:],
      [HTML(text: "KL divergence on \(data.protocols[number].text) "), protocolLink(number)])
    let table = HTML(
      "table", ["class": "bars strips"],
      [
        caption, HTML("thead", [:], [HTML("tr", [:], head)]), HTML("tbody", [:], rows),
        HTML("tfoot", [:], [axis(scale)]),
      ])
    return HTML([
      scrolling(table, label: "KL divergence on \(data.protocols[number].text)"),
      folded("All percentiles", [percentiles(scores, number)]),
    ])
  }

  private func label(_ score: ReportScore) -> String {
    score.prompt.map { "\(score.subject.label), “\($0)”" } ?? score.subject.label
  }

  private func value(_ value: ReportValue?, _ number: Int, _ show: (Double) -> String) -> HTML {
    guard let value else { return HTML("td", ["class": "num"], text: "–") }
    var parts = [self.number(show(value.value), number)]
    if let error = value.error {
      // The error of a share is a share.
      let isShare = show(error).hasSuffix("%")
      let text = isShare ? ReportFigure.share(error) : ReportFigure.error(error)
      parts.append(HTML("span", ["class": "error"], text: " ± " + text))
    }
    return HTML("td", ["class": "num"], parts)
  }

  private func plain(_ value: Double?, _ number: Int) -> HTML {
    self.value(value.map { ReportValue($0) }, number) { Figure.short($0) }
  }

  private func strip(_ d: ReportDivergence, _ scale: DivergenceScale) -> HTML {
    func at(_ value: Double) -> String { ReportFigure.place(scale.place(value), of: 1) }
    var parts: [HTML] = []
    if let first = d[1] ?? d.percentiles.first?.value, let last = d[99] ?? d.percentiles.last?.value
    {
      parts.append(HTML("line", ["x1": at(first), "x2": at(last), "y1": "11", "y2": "11"]))
    }
    if let first = d[10], let last = d[90] {
      let width = max(0, scale.place(last) - scale.place(first))
      parts.append(
        HTML(
          "rect",
          [
            "x": at(first), "y": "5", "width": ReportFigure.place(width, of: 1), "height": "12",
            "rx": "2",
          ]))
    }
    if let median = d[50] {
      parts.append(
        HTML(
          "line", ["x1": at(median), "x2": at(median), "y1": "2", "y2": "20", "class": "median"]))
    }
    parts.append(HTML("circle", ["cx": at(d.mean.value), "cy": "11", "r": "3.5", "class": "mean"]))
    if let maximum = d.maximum {
      parts.append(
        HTML(
          "text", ["x": at(maximum), "y": "15", "class": "maximum", "text-anchor": "end"], text: "×"
        ))
    }
    return HTML("svg", ["class": "bar", "height": "22", "aria-hidden": "true"], parts)
  }

  /// The scale below the strips; screen readers have the numbers of the table.
  private func axis(_ scale: DivergenceScale) -> HTML {
    let marks = scale.ticks.flatMap { tick -> [HTML] in
      let at = ReportFigure.place(scale.place(tick), of: 1)
      return [
        HTML("line", ["x1": at, "x2": at, "y1": "0", "y2": "5"]),
        HTML(
          "text", ["x": at, "y": "17", "text-anchor": "middle"], text: DivergenceScale.label(tick)),
      ]
    }
    let drawing = HTML("svg", ["class": "bar scale", "height": "20"], marks)
    return HTML(
      "tr", ["aria-hidden": "true"],
      [
        HTML("td", ["class": "muted"], text: "nats"), HTML("td", ["class": "plot"], [drawing]),
        HTML("td", ["colspan": "6"]),
      ])
  }

  private func percentiles(_ scores: [ReportScore], _ number: Int) -> HTML {
    var all: [Double] = []
    for score in scores {
      for entry in score.divergence?.percentiles ?? [] where !all.contains(entry.percent) {
        all.append(entry.percent)
      }
    }
    let rows = all.sorted(by: >).map { percent -> [HTML] in
      let title: HTML = HTML(text: percent == 50 ? "median" : "\(Figure.short(percent)) %")
      return [title]
        + scores.map { score in
          score.divergence?[percent].map { self.number(Figure.short($0), number) } ?? "–"
        }
    }
    let rms = scores.map { score in
      score.divergence?.rmsDelta.map { self.number(Figure.percent($0.value), number) } ?? "–"
    }
    return table(
      "KL divergence in nats: the value below which a share of the tokens lies",
      ["tokens"] + scores.map(label), rows + [["RMS Δp"] + rms],
      right: Set(1...max(1, scores.count)))
  }
}

extension ReportDivergence {
  /// The value of the percentile `percent`; nil where it isn't recorded.
  subscript(percent: Double) -> Double? {
    percentiles.first { $0.percent == percent }?.value
  }
}
