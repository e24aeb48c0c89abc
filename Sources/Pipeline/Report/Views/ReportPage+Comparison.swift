import Bytes

/// Inputs side by side: their results, and the settings in which their recipes differ. The script lets
/// inputs be left out, and hides what those that are left have in common.
extension ReportPage {
  var comparison: Section? {
    guard bundles.count > 1 else { return nil }
    let settings = ReportSettings(bundles.map(\.recipe)).rows
    let equal = settings.count { !$0.differs }
    let without = bundles.filter { $0.recipe.object == nil }.map(\.name)
    var content = [choices]
    content.append(
      scrolling(
        HTML(
          "table", ["class": "compare", "id": "compare-table"],
          [
            HTML("caption", text: "Results, and settings that differ"), head,
            HTML("tbody", [:], data.axes.map(row)),
            HTML("tbody", ["class": "settings"], settings.map(row)),
          ]), label: "Comparison of the inputs"))
    var words = "\(equal) settings are equal and hidden."
    if !without.isEmpty {
      words += " Without a recipe that can be compared: " + without.joined(separator: ", ") + "."
    }
    content.append(
      HTML("p", ["id": "compare-note", "class": "note", "aria-live": "polite"], text: words))
    return Section("compare", "What differs", content)
  }

  private var choices: HTML {
    let boxes = bundles.enumerated().map { index, bundle in
      HTML(
        "label", [:],
        [
          HTML(
            "input", ["type": "checkbox", "data-column": "\(index)", "checked": ""]),
          HTML(text: " " + bundle.name),
        ])
    }
    let equal = HTML(
      "label", [:],
      [HTML("input", ["type": "checkbox", "id": "compare-equal"]), " show equal settings too"])
    return HTML(
      "fieldset", ["class": "controls", "id": "compare-choices", "hidden": ""],
      [HTML("legend", text: "Compare")] + boxes + [equal])
  }

  private var head: HTML {
    let cells = bundles.enumerated().map { index, bundle in
      HTML("th", ["scope": "col", "data-column": "\(index)"], text: bundle.name)
    }
    return HTML("thead", [:], [HTML("tr", [:], [HTML("th", ["scope": "col"], text: "")] + cells)])
  }

  /// A result, with bars that begin at 0 where a number stands for itself.
  private func row(_ axis: ReportAxis) -> HTML {
    let best = axis.values.map {
      axis.higherIsBetter ? $0.prompted ?? $0.plain : $0.plain ?? $0.prompted
    }
    let largest = best.compactMap(\.self).max() ?? 0
    let cells = axis.values.indices.map { index -> HTML in
      var parts = [comparisonValue(axis, index)]
      if let value = best[index] {
        let rect = HTML(
          "rect",
          [
            "x": "0", "y": "0", "width": ReportFigure.place(value, of: largest), "height": "6",
            "rx": "1",
          ])
        parts.append(HTML("svg", ["class": "mini", "height": "6", "aria-hidden": "true"], [rect]))
      }
      return HTML("td", ["data-column": "\(index)", "class": "num"], parts)
    }
    return HTML("tr", [:], [HTML("th", ["scope": "row"], text: axis.label)] + cells)
  }

  private func comparisonValue(_ axis: ReportAxis, _ index: Int) -> HTML {
    let value = axis.values[index]
    let words = [value.plain, value.prompted].compactMap(\.self).map(axis.shown)
    guard !words.isEmpty else { return "–" }
    let text = (value.plain == nil ? "→ " : "") + words.joined(separator: " → ")
    return axis.protocol.map { number(text, $0) } ?? HTML(text: text)
  }

  private func row(_ setting: ReportSettings.Row) -> HTML {
    let cells = setting.values.enumerated().map { index, value in
      HTML(
        "td", ["data-column": "\(index)", "class": value == nil ? "muted" : "word"],
        text: value ?? "–")
    }
    let content = [HTML("th", ["scope": "row"], text: setting.path)] + cells
    return setting.differs ? HTML("tr", [:], content) : HTML("tr", ["hidden": ""], content)
  }
}
