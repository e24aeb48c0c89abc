import Bytes

/// All inputs with their sizes and qualities: a scatter plot with axes to choose, and the same numbers
/// as a table.
extension ReportPage {
  var inputs: Section? {
    let axes = data.axes
    var content: [HTML] = []
    if bundles.count > 1, axes.contains(where: { $0.protocol != nil }) { content.append(scatter) }
    let rows = bundles.enumerated().map { index, bundle -> [HTML] in
      let link = HTML("a", ["href": "#bundle-\(index + 1)"], text: bundle.name)
      return [link] + axes.map { cell($0, index) }
    }
    let right = Set(1..<max(2, axes.count + 1))
    content.append(
      table(
        "Size and quality; with a prompt where there is an arrow", ["input"] + axes.map(\.label),
        rows, right: right, class: "plain wide"))
    return Section("inputs", bundles.count == 1 ? "Size and quality" : "All inputs", content)
  }

  private func cell(_ axis: ReportAxis, _ index: Int) -> HTML {
    let value = axis.values[index]
    func shown(_ value: Double) -> HTML {
      axis.protocol.map { number(axis.shown(value), $0) } ?? plain(axis.shown(value))
    }
    switch (value.plain, value.prompted) {
    case (let plain?, let prompted?): return HTML([shown(plain), " → ", shown(prompted)])
    case (let only?, nil): return shown(only)
    case (nil, let only?): return HTML(["→ ", shown(only)])
    case (nil, nil): return "–"
    }
  }

  /// The frame of the plot, which the script fills and shows.
  private var scatter: HTML {
    func choice(_ id: StaticString, _ label: String) -> HTML {
      HTML(
        "label", [:],
        [HTML(text: label + " "), HTML("select", ["id": "\(id)"])])
    }
    return HTML(
      "figure", ["id": "scatter", "class": "card", "hidden": ""],
      [
        HTML(
          "figcaption",
          text:
            "Each point is an input: a ring without a prompt, a disc with its best one. The stepped "
            + "line joins the points that no other beats on both axes."),
        HTML(
          "div", ["class": "controls"],
          [choice("scatter-x", "across"), choice("scatter-y", "up")]),
        HTML("div", ["id": "scatter-plot"]),
        HTML("p", ["id": "scatter-note", "class": "note", "aria-live": "polite"]),
      ])
  }
}
