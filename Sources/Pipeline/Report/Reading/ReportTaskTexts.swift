import Bytes
import Evaluation

/// The texts of changed answers, made from task files and their rows: bundles hold the files' digests and
/// the numbers of the rows.
package struct ReportTaskTexts {
  private var tasks: [String: TaskItems] = [:]
  /// The tasks whose texts found a place.
  private var used: Set<String> = []

  /// Reads the task files at `paths`, and the rows that they name.
  /// - Throws: `usage` if two files have the same task; `inputMissing`, `invalidData` as for
  ///   `TaskItems`.
  package init(_ paths: [String]) throws(Failure) {
    for path in paths {
      let items = try TaskItems(TaskDescription(path: path))
      guard tasks.updateValue(items, forKey: items.task.name) == nil else {
        throw Failure(
          .usage, file: path, "is the second file of the task \(items.task.name)",
          advice: "name each task once")
      }
    }
  }

  /// Adds the texts to the changed answers of a bundle.
  /// - Throws: `invalidData` if a file isn't the one that was measured.
  package mutating func add(to bundle: inout ReportBundle) throws(Failure) {
    for index in bundle.tasks.indices {
      guard let items = tasks[bundle.tasks[index].name] else { continue }
      used.insert(items.task.name)
      for (role, name, digest) in items.files {
        guard let measured = bundle.tasks[index].files[role], measured != digest else { continue }
        throw Failure(
          .invalidData, file: name,
          "isn't the file that \(bundle.name) was measured with: its \(role) of \(items.task.name) has"
            + " SHA-256 \(measured.hex.prefix(16))…, this file \(digest.hex.prefix(16))…",
          advice: "name the task file of the measurement, with the same rows")
      }
      for flip in bundle.tasks[index].flips.indices {
        bundle.tasks[index].flips[flip].add(items)
      }
    }
  }

  /// Checks that every task was found in a bundle.
  /// - Throws: `usage` naming a task that no bundle has measured.
  package func checkAllUsed() throws(Failure) {
    guard let name = tasks.keys.sorted().first(where: { !used.contains($0) }) else { return }
    throw Failure(
      .usage, file: tasks[name]?.task.file, "no input was measured on the task \(name)",
      advice: "leave the file out, or add the task to the recipe's `tasks`")
  }
}

extension ReportTask.Flip {
  /// Adds the texts of the row.
  fileprivate mutating func add(_ items: TaskItems) {
    guard items.items.indices.contains(row - 1) else { return }
    let item = items.items[row - 1]
    choices = item.choices
    gold = item.gold.first
    // Where the choices are contexts, what follows each of them is the same.
    let contexts = Set(item.pairs.map(\.context))
    question = contexts.count == 1 ? contexts.first ?? "" : item.pairs[0].continuation
  }
}
