import Bytes

/// How prompts were learned: the validation perplexity after each number of steps.
extension ReportPage {
  var learning: Section? {
    let content = forEachBundle { bundle in
      bundle.prompts.compactMap { prompt in prompt.curve.map { curve(prompt, $0, bundle) } }
    }
    return Section("learning", "How prompts were learned", content)
  }

  private func curve(_ prompt: ReportPrompt, _ curve: ReportCurve, _ bundle: ReportBundle) -> HTML {
    var chart = LineChart(
      series: [
        LineChart.Series(
          prompt.name, curve.points.map { (Double($0.step), $0.perplexity) },
          marked: curve.bestStep.map(Double.init))
      ], across: "steps", up: "validation perplexity")
    if let without = curve.without { chart.levels = [("without a prompt", without)] }
    var words = "\(prompt.name): \(prompt.label), \(prompt.objective)"
    if let best = curve.bestStep { words += "; kept: the state of step \(best)" }
    return HTML(
      "figure", ["class": "card"],
      [
        HTML("figcaption", [:], [HTML(text: words + " "), protocolLink(curve.protocol)]),
        chart.drawing,
        chart.table(of: "Learning of \(prompt.name)", in: self, link: curve.protocol) {
          ReportFigure.perplexity($0)
        },
      ])
  }
}
