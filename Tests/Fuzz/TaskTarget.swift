import Bytes
import Evaluation
import Pipeline

/// A task: its YAML up to the first zero byte, its rows up to the second, then its labels. All items of
/// the first rows are made, which computes every template.
enum TaskTarget {
  static func read(_ input: [UInt8]) throws(Failure) {
    let parts = input.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    let task = ScratchInput.write(Array(parts[0]), "task.yaml")
    let rows = ScratchInput.write(parts.count > 1 ? Array(parts[1]) : [], "rows.jsonl")
    _ = ScratchInput.write(parts.count > 2 ? Array(parts[2]) : [], "labels.lst")
    let items = try TaskItems(TaskDescription(path: task, data: rows), limit: 50)
    for item in items.items {
      require(!item.choices.contains(""), "an empty choice")
      require(
        item.gold.allSatisfy(item.choices.indices.contains), "a right answer that is no choice")
    }
  }
}
