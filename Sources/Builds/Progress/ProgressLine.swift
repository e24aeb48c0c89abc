import Bytes

/// The text of one progress report.
struct ProgressLine {
  let name: String
  let unit: String
  let done: Int
  let total: Int
  /// The seconds until the stage ends; nil if unknown.
  let left: Double?
  /// The seconds until the build ends; nil if unknown.
  let leftInAll: Double?
  let note: String

  private var share: Double { total > 0 ? min(1, Double(done) / Double(total)) : 0 }
  private var percent: Int { Int(share * 100) }

  private var times: String {
    switch (left, leftInAll) {
    case (let left?, let all?) where all > left + 1:
      "\(Figure.time(left)) left, \(Figure.time(all)) in all"
    case (let left?, _): "\(Figure.time(left)) left"
    default: ""
    }
  }

  /// The report as a line of a log.
  var plain: String {
    let parts = ["\(unit) \(done) of \(total) (\(percent) %)", times, note]
    return name + " " + parts.filter { !$0.isEmpty }.joined(separator: "; ")
  }

  /// Returns the report in at most `width` columns: the bar is dropped first, then the end of the
  /// note.
  func fitted(to width: Int, color: Bool) -> String {
    let head = "\(name) "
    let count = " \(done)/\(total)"
    let tail = [times, note].filter { !$0.isEmpty }.map { "  " + $0 }.joined()
    let room = width - head.count - count.count - tail.count
    let bar = room >= 8 ? Self.bar(share, columns: min(room, 24)) : ""
    let text = String((head + bar + count + tail).prefix(max(0, width)))
    guard color, text.count > head.count else { return text }
    return "\u{1B}[1m\(head)\u{1B}[0m" + text.dropFirst(head.count)
  }

  /// Returns a progress bar of `columns` characters for a share from 0 to 1.
  static func bar(_ share: Double, columns: Int) -> String {
    let inner = columns - 2
    let filled = Int((share * Double(inner)).rounded(.down))
    return "[" + String(repeating: "#", count: filled)
      + String(repeating: "-", count: inner - filled) + "]"
  }
}
