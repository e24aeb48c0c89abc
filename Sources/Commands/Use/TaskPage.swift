import BundleFormat
import Bytes
import Evaluation
import Numerics

/// The results of a task, for readers and as JSON.
struct TaskPage {
  let result: TaskMeasurement
  /// The other model's results; nil without one.
  let full: TaskMeasurement?
  let flips: [TaskFlips]
  /// The other model, as given.
  let against: String
  let arithmetic: Arithmetic

  /// Rows listed per direction; JSON has all.
  private static let listed = 12

  var lines: [String] {
    var lines = ["\(result.task.name): \(Self.numbers(result)), \(coverage)\(settings)"]
    if let full { lines.append("  \(against): \(Self.numbers(full))") }
    for one in flips {
      lines.append(
        "  \(one.metric.rawValue) against \(against): \(one.rightToWrong.count) right → wrong,"
          + " \(one.wrongToRight.count) wrong → right, \(one.wrongToWrong.count) wrong → another"
          + " wrong; McNemar p = \(Figure.short(one.pValue))")
      for (direction, items) in [
        ("right → wrong", one.rightToWrong), ("wrong → right", one.wrongToRight),
        ("wrong → another wrong", one.wrongToWrong),
      ] where !items.isEmpty {
        lines.append("    \(direction): " + Self.list(items))
      }
    }
    return lines
  }

  /// All metrics with their standard errors.
  private static func numbers(_ result: TaskMeasurement) -> String {
    result.task.metrics.map { metric in
      let estimate = result.estimate(metric)
      return "\(metric.rawValue) \(Figure.fixed(estimate.value, 4))"
        + " ± \(Figure.fixed(estimate.standardError, 4))"
    }.joined(separator: ", ")
  }

  /// The rows that the numbers are of.
  private var coverage: String {
    result.seen == result.total
      ? "all \(Figure.count(result.total)) rows"
      : "the first \(Figure.count(result.seen)) of \(Figure.count(result.total)) rows"
  }

  /// The settings that differ from the usual ones (few-shot examples, prompt …), in words.
  private var settings: String {
    var text = result.task.fewshot == 0 ? "" : ", \(result.task.fewshot)-shot"
    text += result.prompt.map { ", with prompt `\($0)`" } ?? ""
    if !result.chosenPrompts.isEmpty {
      text +=
        " (" + result.chosenPrompts.map { "\($0.prompt): \($0.items)" }.joined(separator: ", ")
        + ")"
    }
    if arithmetic != .float32 { text += ", products in \(arithmetic)" }
    if result.truncated > 0 {
      text += "; the contexts of \(result.truncated) rows were cut from the left to fit the model"
    }
    return text
  }

  private static func list(_ items: [TaskFlips.Item]) -> String {
    let shown = items.prefix(listed).map { item in
      switch (item.from, item.to) {
      case (.choice(let from), .choice(let to)): "row \(item.row) (\(from) → \(to))"
      default: "row \(item.row)"
      }
    }
    let rest = items.count - shown.count
    return shown.joined(separator: ", ")
      + (rest > 0 ? " and \(rest) more (--json or --out lists them)" : "")
  }

  /// The result with keys that scripts rely on.
  var json: JSON {
    var object = result.record(against: against, flips: flips).json.object ?? [:]
    object["protocol"] = .string(TaskMeasurement.protocolID)
    object["prompt"] = result.prompt.map { .string($0) } ?? .null
    object["arithmetic"] = .string(arithmetic.rawValue)
    if !result.chosenPrompts.isEmpty {
      var choice = JSONObject()
      for (prompt, items) in result.chosenPrompts { choice[prompt] = JSON(items) }
      object["choice"] = .object(choice)
    }
    if let full {
      object["against"] = [
        "model": .string(against), "metrics": full.record().json["metrics"] ?? .null,
      ]
    }
    return .object(object)
  }
}

/// The rows of a task with their questions, choices and answers, one JSON object per line.
struct TaskItemsReport {
  let items: TaskItems
  let result: TaskMeasurement
  /// The other model's results; nil without one.
  let full: TaskMeasurement?

  var jsonLines: [UInt8] {
    var bytes: [UInt8] = []
    for (index, item) in items.items.enumerated() {
      let contexts = item.pairs.map(\.context)
      let isShared = contexts.allSatisfy { $0.utf8.elementsEqual(contexts[0].utf8) }
      var object: JSONObject = [
        "row": JSON(item.row), "line": JSON(item.line),
        "context": isShared ? .string(contexts[0]) : JSON(contexts),
        "choices": JSON(item.choices), "gold": JSON(item.gold),
        "answer": result.outcomes[index].json,
      ]
      object["full"] = full?.outcomes[index].json
      bytes += JSON.object(object).canonicalBytes + [UInt8(ascii: "\n")]
    }
    return bytes
  }
}
