import Bytes
import Foundation

/// Times and memory of finished runs, a line each. Nothing that is hashed depends on it.
struct RunLedger {
  let file: String

  struct Entry: Sendable {
    let stage: String
    let key: String
    /// `done`, `reused`, `interrupted` or `failed`.
    let outcome: String
    let seconds: Double
    let work: Double
  }

  /// Appends the times and memory of a whole run of a stage.
  func append(_ entry: Entry, threads: Int) {
    append([
      "at": .string(Date.now.formatted(.iso8601)), "stage": .string(entry.stage),
      "key": .string(entry.key), "outcome": .string(entry.outcome),
      "seconds": .number((entry.seconds * 1000).rounded() / 1000), "work": .number(entry.work),
      "peak_memory": JSON(ProcessUsage.peakMemory), "threads": JSON(threads),
    ])
  }

  /// Appends a part of a stage's run: `fields` beside the time and the stage. It has no `outcome`.
  func append(_ fields: JSONObject, stage: String, key: String) {
    var line = fields
    line["at"] = .string(Date.now.formatted(.iso8601))
    line["stage"] = .string(stage)
    line["key"] = .string(key)
    append(line)
  }

  /// Appends a line. A ledger that can't be written is no reason to stop a build.
  private func append(_ fields: JSONObject) {
    let line = JSON.object(fields).canonicalText
    if !FileManager.default.fileExists(atPath: file) {
      _ = FileManager.default.createFile(atPath: file, contents: nil)
    }
    guard let handle = FileHandle(forWritingAtPath: file) else { return }
    defer { try? handle.close() }
    _ = try? handle.seekToEnd()
    try? handle.write(contentsOf: Data((line + "\n").utf8))
  }

  /// The entries of this ledger, oldest first; lines that a crash cut short are left out.
  func entries() -> [JSON] {
    guard let mapped = try? MappedFile(path: file) else { return [] }
    return mapped.bytes.array.split(separator: UInt8(ascii: "\n")).compactMap {
      try? JSON(parsing: Array($0), file: file)
    }
  }
}

extension RunLedger {
  /// Work per second of the stages that took a second or more here, from the latest run of each.
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
