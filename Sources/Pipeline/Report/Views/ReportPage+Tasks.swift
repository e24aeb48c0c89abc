import Bytes

/// The tasks: accuracies in up to four columns, and the rows whose answers changed, with their texts.
extension ReportPage {
  /// The most changed rows of one task whose texts are on the page; the page's data has them all.
  private static let shownFlips = 200

  var tasks: Section? {
    let content = forEachBundle { bundle in
      guard !bundle.tasks.isEmpty else { return [] }
      return [results(bundle)] + bundle.tasks.flatMap(flips)
    }
    return Section("tasks", "Tasks and changed answers", content)
  }

  private func results(_ bundle: ReportBundle) -> HTML {
    let subjects = ReportSubject.allCases.filter { subject in
      bundle.tasks.contains { $0.columns.contains { $0.subject == subject } }
    }
    let rows = bundle.tasks.map { task -> [HTML] in
      [HTML([HTML(text: task.name + " "), protocolLink(task.protocol)])]
        + subjects.map { subject in
          guard let column = task.columns.last(where: { $0.subject == subject }) else { return "–" }
          return results(column, task.protocol)
        }
    }
    return table(
      "Shares of right answers, higher is better; acc_norm: by likelihood per character",
      ["task"] + subjects.map(\.label), rows, right: Set(1...max(1, subjects.count)))
  }

  /// A column's metrics, one on a line.
  private func results(_ column: ReportTask.Column, _ number: Int) -> HTML {
    var lines = column.metrics.map { metric -> HTML in
      let isShare = metric.name != "perplexity"
      let shown = isShare ? Figure.percent : ReportFigure.perplexity
      let error = metric.value.error.map { isShare ? Figure.percent($0) : ReportFigure.error($0) }
      return HTML(
        "div", [:],
        [
          HTML("span", ["class": "error"], text: metric.name + " "),
          self.number(shown(metric.value.value), number),
          HTML("span", ["class": "error"], text: error.map { " ± " + $0 } ?? ""),
        ])
    }
    if let p = column.mcNemar {
      lines.append(HTML("div", ["class": "error"], text: "McNemar p \(Figure.short(p))"))
    }
    return HTML(lines)
  }

  private func flips(_ task: ReportTask) -> [HTML] {
    guard !task.flips.isEmpty else { return [] }
    let subjects = ReportSubject.allCases.filter { subject in
      task.flips.contains { $0.subject == subject }
    }
    let counts = ReportTask.Direction.allCases.map { direction -> [HTML] in
      [HTML(text: direction.label)]
        + subjects.map { subject in
          let count = task.flips.count { $0.subject == subject && $0.direction == direction }
          return self.number(Figure.count(count), task.protocol)
        }
    }
    let shown = task.flips.prefix(Self.shownFlips)
    var words = "The \(task.flips.count) changed answers of \(task.name)"
    if shown.count < task.flips.count {
      words += "; the texts of the first \(shown.count) are shown, the page’s data has all"
    }
    return [
      table(
        "\(task.name): answers that differ from the full model’s",
        ["change"] + subjects.map(\.label),
        counts, right: Set(1...max(1, subjects.count))),
      folded(
        words,
        [filter(subjects)] + shown.map { flip in item(flip, task) }),
    ]
  }

  /// Choices for the list below, which the script shows.
  private func filter(_ subjects: [ReportSubject]) -> HTML {
    func choice(_ name: StaticString, _ label: String, _ options: [(String, String)]) -> HTML {
      HTML(
        "label", [:],
        [
          HTML(text: label + " "),
          HTML(
            "select", ["data-filter": "\(name)"],
            [HTML("option", ["value": ""], text: "all")]
              + options.map { HTML("option", ["value": $0.0], text: $0.1) }),
        ])
    }
    return HTML(
      "div", ["class": "controls flip-filter", "hidden": ""],
      [
        choice(
          "direction", "change", ReportTask.Direction.allCases.map { ($0.rawValue, $0.label) }),
        choice("subject", "model", subjects.map { ($0.rawValue, $0.label) }),
        HTML(
          "label", [:],
          ["containing ", HTML("input", ["type": "search", "data-filter": "text"])]),
        HTML("span", ["class": "muted count", "aria-live": "polite"]),
      ])
  }

  private func item(_ flip: ReportTask.Flip, _ task: ReportTask) -> HTML {
    let title = HTML(
      "h4", [:],
      [
        HTML(text: "row \(flip.row): "),
        HTML("span", ["class": flip.direction.rawValue], text: flip.direction.label),
        HTML(text: ", \(flip.subject.label)"),
      ])
    let choices = flip.choices.enumerated().map { index, choice -> HTML in
      var marks: [String] = []
      if index == flip.gold { marks.append("✓ right") }
      if flip.before == .choice(index) { marks.append("full model") }
      if flip.after == .choice(index) { marks.append(flip.subject.label) }
      let mark =
        marks.isEmpty
        ? HTML.empty : HTML("span", ["class": "mark"], text: " ← " + marks.joined(separator: ", "))
      return HTML("li", [:], [HTML(lines: choice), mark])
    }
    var content = [title]
    if !flip.question.isEmpty {
      content.append(HTML("p", ["class": "verbatim"], [HTML(lines: flip.question)]))
    }
    if choices.isEmpty {
      let words = [
        flip.gold.map { "right: choice \($0)" }, flip.before.map { "full model: \($0.label)" },
        flip.after.map { "\(flip.subject.label): \($0.label)" },
      ]
      content.append(
        HTML("p", ["class": "verbatim"], text: words.compactMap(\.self).joined(separator: "; ")))
    } else {
      content.append(HTML("ol", ["start": "0", "class": "verbatim"], choices))
    }
    return HTML(
      "article",
      [
        "class": "flip", "data-direction": flip.direction.rawValue,
        "data-subject": flip.subject.rawValue,
      ],
      content)
  }
}
