import Bytes

/// The memory limit of the system or control group, in bytes, and the number of processes that it
/// killed for lack of memory.
package struct MemorySurroundings: Sendable, Equatable {
  /// The memory in bytes that the process may use.
  package let limit: Int
  /// The processes of this process's control group that were killed for lack of memory; nil if the
  /// system doesn't count them.
  package let kills: Int?

  package init(limit: Int, kills: Int?) {
    self.limit = limit
    self.kills = kills
  }

  /// Those of this process now.
  package static var current: MemorySurroundings {
    let group = ControlGroup()
    return MemorySurroundings(
      limit: ProcessUsage.availableMemory(in: group), kills: group?.memoryKills)
  }
}

extension RunLedger {
  /// The beginning of a stage, with what was known of memory then.
  struct Beginning: Sendable, Equatable {
    let stage: String
    let key: String
    /// The stage's estimated peak memory in bytes.
    let estimate: Int
    let surroundings: MemorySurroundings
  }

  /// Appends the beginning of a stage, so that the next run sees which stage a killed run was in.
  func append(_ beginning: Beginning) {
    var fields: JSONObject = [
      "began": .bool(true), "memory_estimate": JSON(beginning.estimate),
      "memory_limit": JSON(beginning.surroundings.limit),
    ]
    fields["memory_kills"] = beginning.surroundings.kills.map { JSON($0) }
    append(fields, stage: beginning.stage, key: beginning.key)
  }

  /// Returns the beginning of the stage in which the latest run ended without recording an end; nil
  /// if it recorded one.
  func unended() -> Beginning? {
    var latest: Beginning?
    for entry in entries() {
      guard let stage = entry["stage"]?.string, let key = entry["key"]?.string else { continue }
      if entry["began"]?.bool == true {
        latest = Beginning(
          stage: stage, key: key, estimate: entry["memory_estimate"]?.int ?? 0,
          surroundings: MemorySurroundings(
            limit: entry["memory_limit"]?.int ?? .max, kills: entry["memory_kills"]?.int))
      } else if entry["outcome"] != nil, latest?.stage == stage, latest?.key == key {
        latest = nil
      }
    }
    return latest
  }
}

extension Build {
  /// Returns a sentence for a build whose earlier run was killed for lack of memory, by the system's
  /// count or by the estimate, with the settings to lower; nil if there is no sign of that.
  func memoryNote(_ now: MemorySurroundings) -> String? {
    guard let earlier = RunLedger(file: store.ledgerFile).unended() else { return nil }
    let before = earlier.surroundings
    let limit = min(before.limit, now.limit)
    // Another container counts from 0 again, so that its count says nothing.
    let isCounted = before.kills.map { (now.kills ?? 0) > $0 } ?? false
    let isLikely = earlier.estimate > limit / 4 * 3
    guard isCounted || isLikely else { return nil }
    let settings = stages.first { $0.name == earlier.stage }?.needs.settings ?? []
    let lower = (settings.map { "`\($0)`" } + ["the number of threads"]).joined(separator: ", ")
    return "note: the earlier run ended during \(earlier.stage) without recording why, "
      + (isCounted ? "killed" : "probably") + " for lack of memory (estimated "
      + "\(Figure.bytes(earlier.estimate)), limit \(Figure.bytes(limit))); lower \(lower), or raise "
      + "the limit"
  }
}
