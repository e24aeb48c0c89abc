import Bytes

/// One moment of a stage in words.
struct ProgressLine {
  let name: String
  let unit: String
  let done: Int
  let total: Int
  let left: Double?
  let leftInAll: Double?
  let note: String

  private var share: Double { total > 0 ? min(1, Double(done) / Double(total)) : 0 }
  private var percent: Int { Int(share * 100) }

  private var times: String {
    switch (left, leftInAll) {
    case (let left?, let all?) where all > left + 1:
      "\(TimeText.short(left)) left, \(TimeText.short(all)) in all"
    case (let left?, _): "\(TimeText.short(left)) left"
    default: ""
    }
  }

  /// A line of its own for logs.
  var plain: String {
    let parts = ["\(unit) \(done) of \(total) (\(percent) %)", times, note]
    return name + " " + parts.filter { !$0.isEmpty }.joined(separator: "; ")
  }

  /// At most `width` columns: the bar goes first, then the note's end.
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

  static func bar(_ share: Double, columns: Int) -> String {
    let inner = columns - 2
    let filled = Int((share * Double(inner)).rounded(.down))
    return "[" + String(repeating: "#", count: filled)
      + String(repeating: "-", count: inner - filled) + "]"
  }
}

/// Seconds in the words of a person.
package enum TimeText {
  /// `0.4 s`, `42 s`, `3:10`, `2:05:00`, `12 days`.
  package static func short(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "?" }
    if seconds < 9.95 { return "\((seconds * 10).rounded() / 10) s" }
    let whole = Int(min(seconds, 1e9).rounded())
    if whole < 60 { return "\(whole) s" }
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60))" }
    if whole >= 72 * 3600 { return "\((whole + 43_200) / 86_400) days" }
    return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
  }
}
