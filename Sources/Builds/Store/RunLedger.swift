import Bytes
import Foundation

/// A log of the times and memory of runs, one JSON object per line. Nothing that is hashed depends
/// on it.
struct RunLedger {
  let file: String

  /// One run of a stage.
  struct Entry: Sendable {
    let stage: String
    let key: String
    /// `done`, `reused`, `interrupted` or `failed`.
    let outcome: String
    let seconds: Double
    /// The stage's work in 10⁹ multiply-adds.
    let work: Double
  }

  /// Appends the time and peak memory of a whole run of a stage.
  func append(_ entry: Entry, threads: Int) {
    append([
      "at": .string(Date.now.formatted(.iso8601)), "stage": .string(entry.stage),
      "key": .string(entry.key), "outcome": .string(entry.outcome),
      "seconds": .number((entry.seconds * 1000).rounded() / 1000), "work": .number(entry.work),
      "peak_memory": JSON(ProcessUsage.peakMemory), "threads": JSON(threads),
    ])
  }

  /// Appends a line about a part of a stage's run: `fields`, the time, the stage and the key, but
  /// no `outcome`.
  func append(_ fields: JSONObject, stage: String, key: String) {
    var line = fields
    line["at"] = .string(Date.now.formatted(.iso8601))
    line["stage"] = .string(stage)
    line["key"] = .string(key)
    append(line)
  }

  /// Appends a line. Errors are ignored, because a build must not fail for its log.
  private func append(_ fields: JSONObject) {
    try? OwnFile.append(JSON.object(fields).canonicalText + "\n", to: file)
  }

  /// Returns the entries, oldest first, without lines that a crash cut short.
  func entries() -> [JSON] {
    guard let mapped = try? MappedFile(path: file) else { return [] }
    return mapped.bytes.array.split(separator: UInt8(ascii: "\n")).compactMap {
      try? JSON(parsing: Array($0), file: file)
    }
  }
}

extension RunLedger {
  /// Returns the work per second, in 10⁹ multiply-adds, of the latest finished run of each stage
  /// that took at least one second.
  func rates() -> [String: Double] {
    var rates: [String: Double] = [:]
    for entry in entries() where entry["outcome"]?.string == "done" {
      guard let stage = entry["stage"]?.string, let seconds = entry["seconds"]?.double,
        let work = entry["work"]?.double, seconds >= 1, work > 0
      else { continue }
      rates[stage] = work / seconds
    }
    return rates
  }
}
