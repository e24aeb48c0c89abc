import Builds
import BundleFormat
import Bytes
import Evaluation
import FoundationEssentials

/// The saved state of a run, from which an interrupted one resumes.
extension VerifyRun {
  /// The name of the state that holds one window of the full model.
  func piece(_ evaluation: Int, _ window: Int) -> String {
    "reference-\(evaluation)-\(window)"
  }

  /// The full model's losses and hidden states of one window, as its measurement saved them.
  /// - Throws: `invalidData` if they are damaged; they are measured again by the next run.
  func reference(_ evaluation: Int, _ window: Int) throws(Failure) -> ScoredWindow {
    let name = piece(evaluation, window)
    let targets = stage.rules[evaluation].targetsPerWindow
    if let bytes = try context.partial.load(name),
      let scored = ScoredWindow(
        index: window, bytes: bytes, targets: targets, width: hiddenSize)
    {
      return scored
    }
    context.partial.remove(name)
    throw Failure(
      .invalidData, file: context.partial.folder,
      "the saved states of the full model are damaged at window \(window)",
      advice: "run the same command again, which measures this text again")
  }

  /// Drops what was saved of a text if a part that the rest depends on is missing: the text is
  /// measured again.
  mutating func discardIncomplete(_ index: Int, windows: Int) {
    let (evaluation, rule) = (stage.evaluations[index], stage.rules[index])
    let done = columns.filter { isDone($0, evaluation.name) }
    if done.count == columns.count { return }
    let isBaseDone = done.contains(where: \.isBase)
    var isWhole = !isBaseDone || base[evaluation.name]?.count == windows
    if evaluation.divergence {
      let needed = isBaseDone ? windows : resumed?.meter.windows ?? 0
      isWhole =
        isWhole && (0..<needed).allSatisfy { context.partial.has(piece(index, $0)) }
      if isBaseDone, let progress = resumed {
        isWhole =
          isWhole
          && progress.divergence?.fits(
            windows: progress.meter.windows, targets: rule.targetsPerWindow) == true
      }
    }
    guard !isWhole else { return }
    records.removeAll { $0.text == evaluation.name }
    base[evaluation.name] = nil
    resumed = nil
  }

  /// Saves the state every two seconds or before a stop, then marks a safe point.
  mutating func saveIfDue(_ progress: Progress) throws {
    if context.isStopping || ProcessUsage.clock - savedAt >= 2 { try save(progress) }
    try context.checkStop()
  }

  /// Saves the finished measurements and the state of the current one.
  mutating func save(_ progress: Progress?) throws {
    var sums = JSONObject()
    for (name, own) in base.sorted(by: { $0.key < $1.key }) {
      sums[name] = .array(own.map { .number($0) })
    }
    var object: JSONObject = [
      "records": .array(records.map(\.json)), "base": .object(sums),
    ]
    if let progress {
      object["state"] = .string(
        String(decoding: try JSONEncoder().encode(progress), as: UTF8.self))
    }
    try context.partial.save("measured", .object(object))
    try context.partial.mark(windowsDone, of: max(windowsInAll, windowsDone), unit: stage.unit)
    savedAt = ProcessUsage.clock
  }
}
