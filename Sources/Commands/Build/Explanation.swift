import Builds
import Bytes

/// The page of `--explain`: for each stage whether it would run, why, and its estimated time, memory
/// and disk space.
struct Explanation {
  let outlooks: [StageOutlook]
  /// Sentences that name the recipe's missing files.
  let missing: [String]

  init(_ outlooks: [StageOutlook], missing: [String]) {
    self.outlooks = outlooks
    self.missing = missing
  }

  func print(json: Bool) throws {
    if json {
      return try Output.print([
        "stages": .array(outlooks.map(\.json)), "missing": JSON(missing),
      ])
    }
    var rows = [["stage", "", "time", "memory", "disk", "why"]]
    for outlook in outlooks {
      for (index, reason) in outlook.reasons.enumerated() {
        rows.append(
          index == 0
            ? [outlook.stage, outlook.willRun ? "runs" : "reused"] + amounts(outlook) + [reason]
            : ["", "", "", "", "", reason])
      }
    }
    try Output.print(Output.table(rows, indent: ""))
    if let total { try Output.print(total) }
    for text in missing { try Output.print("missing: \(text)") }
  }

  private func amounts(_ outlook: StageOutlook) -> [String] {
    guard let needs = outlook.needs, let seconds = outlook.seconds else { return ["", "", ""] }
    return [
      Figure.time(seconds), Figure.bytes(needs.memory),
      needs.disk == 0 ? "" : Figure.bytes(needs.disk),
    ]
  }

  /// One line with the totals of the stages that would run; nil if none would.
  private var total: String? {
    let needs = outlooks.compactMap(\.needs)
    guard let most = needs.map(\.memory).max() else { return nil }
    let seconds = outlooks.compactMap(\.seconds).reduce(0, +)
    return "about \(Figure.time(seconds)) in total, \(Figure.bytes(most)) of memory at the peak,"
      + " \(Figure.bytes(needs.reduce(0) { $0 + $1.disk })) on disk in the work folder"
  }
}
