import Bytes

/// Lines over a common axis. The lines are SVG that stretches with the page; the words beside them are
/// HTML, which doesn't, so that they stay readable on a phone.
struct LineChart {
  struct Series {
    let label: String
    let points: [(x: Double, y: Double)]
    /// The point that is marked by a ring.
    let marked: Double?

    init(_ label: String, _ points: [(x: Double, y: Double)], marked: Double? = nil) {
      self.label = label
      self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
      self.marked = marked
    }
  }

  let series: [Series]
  /// The labels of the axes.
  let across: String
  let up: String
  /// Heights of horizontal lines for comparison, with their labels.
  var levels: [(label: String, y: Double)] = []

  /// Ways to draw a line; further ones begin again. They differ by dashes as well as by colour.
  private static let styles = 5

  private var xs: (low: Double, high: Double) {
    let all = series.flatMap { $0.points.map(\.x) }
    let (low, high) = (all.min() ?? 0, all.max() ?? 1)
    return low < high ? (low, high) : (low, low + 1)
  }

  private var ys: (low: Double, high: Double) {
    let all = series.flatMap { $0.points.map(\.y) } + levels.map(\.y)
    let (low, high) = (all.min() ?? 0, all.max() ?? 1)
    let margin = high > low ? (high - low) * 0.06 : max(1e-9, high.magnitude * 0.05)
    return (low - margin, high + margin)
  }

  private func x(_ value: Double) -> Double { 1000 * (value - xs.low) / (xs.high - xs.low) }
  private func y(_ value: Double) -> Double { 300 * (ys.high - value) / (ys.high - ys.low) }

  /// The plot with its labels and legend.
  var drawing: HTML {
    let (xs, ys) = (xs, ys)
    var parts: [HTML] = []
    for tick in ReportFigure.ticks(ys.low, ys.high) {
      parts.append(path("M0 \(Figure.fixed(y(tick), 1))H1000", "grid"))
    }
    for level in levels { parts.append(path("M0 \(Figure.fixed(y(level.y), 1))H1000", "level")) }
    for (index, line) in series.enumerated() {
      let steps = line.points.map { "\(Figure.fixed(x($0.x), 1)) \(Figure.fixed(y($0.y), 1))" }
      guard let first = steps.first else { continue }
      let style = "line s\(index % Self.styles)"
      let rest = steps.dropFirst().map { "L" + $0 }.joined()
      parts.append(path("M" + first + (rest.isEmpty ? "h0" : rest), style))
      if let marked = line.marked, let at = line.points.firstIndex(where: { $0.x == marked }) {
        parts.append(path("M\(steps[at])h0", "marked s\(index % Self.styles)"))
      }
    }
    let words = series.map(\.label).joined(separator: ", ")
    let plot = HTML(
      "svg",
      [
        "viewBox": "0 0 1000 300", "preserveAspectRatio": "none", "role": "img",
        "aria-label": "\(up) against \(across): \(words)",
      ], parts)
    let left = ReportFigure.ticks(ys.low, ys.high).map { tick in
      HTML(
        "span", ["style": "top:\(ReportFigure.place(y(tick), of: 300))"], text: Figure.short(tick))
    }
    let below = ReportFigure.ticks(xs.low, xs.high).map { tick in
      HTML(
        "span", ["style": "left:\(ReportFigure.place(x(tick), of: 1000))"], text: Figure.short(tick)
      )
    }
    return HTML([
      HTML("p", ["class": "axis-title"], text: up),
      HTML(
        "div", ["class": "chart"],
        [
          HTML("div", ["class": "up"], left), plot, HTML("div", ["class": "across"], below),
        ]),
      HTML("p", ["class": "axis-title end"], text: across), legend,
    ])
  }

  private func path(_ d: String, _ style: String) -> HTML {
    HTML("path", ["d": d, "class": style, "vector-effect": "non-scaling-stroke"])
  }

  private var legend: HTML {
    func entry(_ style: String, _ label: String) -> HTML {
      let line = HTML("path", ["d": "M0 6H28", "class": style])
      let swatch = HTML("svg", ["width": "28", "height": "12", "aria-hidden": "true"], [line])
      return HTML("li", [:], [swatch, HTML(text: " " + label)])
    }
    let lines = series.enumerated().map {
      entry("line s\($0.offset % Self.styles)", $0.element.label)
    }
    return HTML("ul", ["class": "legend"], lines + levels.map { entry("level", $0.label) })
  }

  /// The same numbers as a table, folded away: a row for each place on the axis.
  func table(
    of title: String, in page: ReportPage, link: Int? = nil, _ show: (Double) -> String
  ) -> HTML {
    let tables = series.map { line in
      Dictionary(line.points.map { ($0.x, $0.y) }, uniquingKeysWith: { first, _ in first })
    }
    let rows = Set(series.flatMap(\.points).map(\.x)).sorted().map { place -> [HTML] in
      [HTML(text: Figure.short(place))]
        + tables.map { table in
          guard let y = table[place] else { return "–" }
          return link.map { page.number(show(y), $0) } ?? HTML(text: show(y))
        }
    }
    return page.folded(
      "As a table",
      [
        page.table(
          title, [across] + series.map(\.label), rows, right: Set(0...series.count))
      ])
  }
}
