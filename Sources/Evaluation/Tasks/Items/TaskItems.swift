import Bytes

/// The items of a task: its rows put into the task's templates, after the examples.
package struct TaskItems: Sendable {
  package let task: TaskDescription
  package let rows: TaskRows
  /// The rows of the examples; nil without a file of their own.
  package let fewshotRows: TaskRows?
  /// The items, in the order of the rows; the first ones if there is a limit.
  package private(set) var items: [TaskItem] = []

  /// Rows of the file, seen or not.
  package var total: Int { rows.rows.count }

  /// Reads the rows of `task` and makes the items of the first `limit`.
  /// - Throws: `inputMissing`; `invalidData` with the line of a row that doesn't fit.
  package init(_ task: TaskDescription, limit: Int? = nil) throws(Failure) {
    self.task = task
    rows = try TaskRows(task.rows)
    fewshotRows =
      task.fewshot == 0
      ? nil : try task.fewshotRows.map { (source) throws(Failure) in try TaskRows(source) }
    let examples = fewshotRows ?? rows
    let needed = task.fewshot + (fewshotRows == nil && task.fewshot > 0 ? 1 : 0)
    guard examples.rows.count >= needed else {
      throw Failure(
        .invalidData, file: task.file, at: place("num_fewshot"),
        "asks for \(task.fewshot) examples, but \(examples.file) has \(examples.rows.count) rows",
        advice: "lower `num_fewshot`")
    }
    var shots: [String] = []
    for row in examples.rows.prefix(needed) { shots.append(try example(row, of: examples)) }
    for (index, row) in rows.rows.prefix(limit ?? .max).enumerated() {
      // An example that is the question itself is left out, as lm-evaluation-harness does.
      var used = shots
      if fewshotRows == nil, task.fewshot > 0 {
        let own = examples.rows.prefix(needed).firstIndex { $0.fields == row.fields }
        used.remove(at: own ?? shots.count - 1)
      }
      items.append(try item(row, number: index + 1, after: used.joined()))
    }
  }

  /// The files that the items are made from, by role: "task", "rows", "labels", "fewshot"; each with its
  /// name and digest.
  package var files: [(role: String, name: String, digest: SHA256Digest)] {
    var files: [(role: String, name: String, digest: SHA256Digest)] = []
    func add(_ role: String, _ path: String, _ digest: SHA256Digest?) {
      guard let digest else { return }
      files.append((role, path.split(separator: "/").last.map(String.init) ?? path, digest))
    }
    add("task", task.file, task.digest)
    add("rows", rows.file, rows.digest)
    add("labels", task.rows.labelsPath ?? "", rows.labelsDigest)
    if let shots = fewshotRows { add("fewshot", shots.file, shots.digest) }
    return files
  }

  private func place(_ field: String) -> String? { task.lines[field].map { "line \($0)" } }

  // MARK: - Templates

  /// A template's value for a row, with failures that name the row and the field of the task.
  private func value(
    _ template: TaskTemplate, _ field: String, _ row: TaskRows.Row, of rows: TaskRows
  ) throws(Failure) -> JSON {
    do throws(TemplateProblem) {
      return try template.value(of: row.fields)
    } catch {
      throw failure(error.text, field, row, of: rows)
    }
  }

  private func failure(
    _ finding: String, _ field: String, _ row: TaskRows.Row, of rows: TaskRows
  ) -> Failure {
    let line = task.lines[field].map { " line \($0)," } ?? ""
    return Failure(
      .invalidData, file: rows.file, at: "line \(row.line)", "\(finding)",
      advice: "correct the row, or the task's `\(field)` (\(task.file),\(line) task \(task.name))")
  }

  private func text(
    _ template: TaskTemplate, _ field: String, _ row: TaskRows.Row, of rows: TaskRows
  ) throws(Failure) -> String {
    let value = try value(template, field, row, of: rows)
    do throws(TemplateProblem) {
      return try value.asText()
    } catch {
      throw failure("`\(field)` is \(value.kindName), not a text", field, row, of: rows)
    }
  }

  // MARK: - Parts of an item

  private func item(
    _ row: TaskRows.Row, number: Int, after shots: String
  ) throws(Failure) -> TaskItem {
    var start = ""
    if let description = task.description {
      start = try text(description, "description", row, of: rows)
    }
    start += shots
    let question = try question(row, of: rows)
    let choices: [String]
    let gold: [Int]
    let pairs: [TaskItem.Pair]
    switch task.outputType {
    case .multipleChoice:
      choices = try self.choices(row, of: rows)
      gold = try self.gold(question, choices, row, of: rows)
      pairs = try self.pairs(question, choices, start, row)
    case .logLikelihood:
      choices = [try answer(row, of: rows)]
      gold = [0]
      pairs = [TaskItem.Pair(context: start + question.text, continuation: choices[0])]
    case .generated:
      choices = try accepted(row, of: rows)
      gold = Array(choices.indices)
      pairs = [TaskItem.Pair(context: start + question.text, continuation: "")]
    }
    return TaskItem(row: number, line: row.line, pairs: pairs, choices: choices, gold: gold)
  }

  /// A question's text, or the number of the choice that is right where the choices are contexts.
  private enum Question {
    case text(String)
    case index(Int)

    var text: String { if case .text(let text) = self { text } else { "" } }
  }

  private func question(_ row: TaskRows.Row, of rows: TaskRows) throws(Failure) -> Question {
    guard let template = task.docToText else { return .text("") }
    let value = try value(template, "doc_to_text", row, of: rows)
    if task.outputType == .multipleChoice {
      if case .integer(let number) = value { return .index(Int(number)) }
    }
    return .text(try text(template, "doc_to_text", row, of: rows))
  }

  private func pairs(
    _ question: Question, _ choices: [String], _ start: String, _ row: TaskRows.Row
  ) throws(Failure) -> [TaskItem.Pair] {
    switch question {
    case .text(let text):
      return choices.map {
        TaskItem.Pair(context: start + text, continuation: task.targetDelimiter + $0)
      }
    case .index:
      let rest = try answer(row, of: rows)
      return choices.map {
        TaskItem.Pair(context: start + $0, continuation: task.targetDelimiter + rest)
      }
    }
  }

  private func choices(_ row: TaskRows.Row, of rows: TaskRows) throws(Failure) -> [String] {
    let field = "doc_to_choice"
    let texts: [String]
    switch task.docToChoice {
    case .fixed(let choices): texts = choices
    case .template(let template):
      texts = try list(value(template, field, row, of: rows), field, row, of: rows)
    case .none: preconditionFailure("a task of choices without doc_to_choice")
    }
    guard !texts.isEmpty else { throw failure("there are no choices", field, row, of: rows) }
    if let empty = texts.firstIndex(of: "") {
      throw failure("choice \(empty + 1) of \(texts.count) is empty", field, row, of: rows)
    }
    return texts
  }

  private func list(
    _ value: JSON, _ field: String, _ row: TaskRows.Row, of rows: TaskRows
  ) throws(Failure) -> [String] {
    guard let elements = value.array else {
      throw failure("`\(field)` is \(value.kindName), not a list", field, row, of: rows)
    }
    var texts: [String] = []
    for (index, element) in elements.enumerated() {
      guard let text = element.string else {
        throw failure(
          "element \(index + 1) of `\(field)` is \(element.kindName), not a text", field, row,
          of: rows)
      }
      texts.append(text)
    }
    return texts
  }

  /// The places of the right choices, all within the choices.
  private func gold(
    _ question: Question, _ choices: [String], _ row: TaskRows.Row, of rows: TaskRows
  ) throws(Failure) -> [Int] {
    if case .index(let index) = question {
      return [try checked(index, choices, "doc_to_text", row, of: rows)]
    }
    let field = "doc_to_target"
    switch task.docToTarget {
    case .index(let index): return [try checked(index, choices, field, row, of: rows)]
    case .template(let template):
      let value = try value(template, field, row, of: rows)
      guard let list = value.array else {
        return [try place(value, choices, row, of: rows, isField: template.isField)]
      }
      guard !list.isEmpty else { throw failure("no answer is right", field, row, of: rows) }
      var places: [Int] = []
      for element in list {
        places.append(try place(element, choices, row, of: rows, isField: true))
      }
      return places
    case .none: preconditionFailure("a task of choices without doc_to_target")
    }
  }

  private func place(
    _ value: JSON, _ choices: [String], _ row: TaskRows.Row, of rows: TaskRows, isField: Bool
  ) throws(Failure) -> Int {
    let field = "doc_to_target"
    if case .string(let text) = value {
      // lm-evaluation-harness reads digits that a template made as a number, but a field's text as one of
      // the choices.
      let number = text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
      if !isField, let number { return try checked(number, choices, field, row, of: rows) }
      if let place = choices.firstIndex(of: text) { return place }
      if let number { return try checked(number, choices, field, row, of: rows) }
      throw failure(
        "the right answer \"\(text.prefix(60))\" is none of the \(choices.count) choices", field,
        row, of: rows)
    }
    guard let number = value.int else {
      throw failure(
        "the right answer is \(value.kindName), not a choice's number or text", field, row,
        of: rows)
    }
    return try checked(number, choices, field, row, of: rows)
  }

  private func checked(
    _ index: Int, _ choices: [String], _ field: String, _ row: TaskRows.Row, of rows: TaskRows
  ) throws(Failure) -> Int {
    guard choices.indices.contains(index) else {
      throw failure(
        "the right answer is number \(index), but the choices are 0 to \(choices.count - 1)", field,
        row, of: rows)
    }
    return index
  }

  /// The text of `doc_to_target`, which isn't empty.
  private func answer(_ row: TaskRows.Row, of rows: TaskRows) throws(Failure) -> String {
    let field = "doc_to_target"
    guard case .template(let template) = task.docToTarget else {
      throw failure("the right answer is a number, not a text", field, row, of: rows)
    }
    let text = try text(template, field, row, of: rows)
    guard !text.isEmpty else { throw failure("the right answer is empty", field, row, of: rows) }
    return text
  }

  /// The accepted texts of a task of generated ones: one, or a list.
  private func accepted(_ row: TaskRows.Row, of rows: TaskRows) throws(Failure) -> [String] {
    let field = "doc_to_target"
    guard case .template(let template) = task.docToTarget else {
      throw failure("the right answer is a number, not a text", field, row, of: rows)
    }
    let value = try value(template, field, row, of: rows)
    let texts =
      value.array == nil
      ? [try text(template, field, row, of: rows)] : try list(value, field, row, of: rows)
    guard !texts.isEmpty else { throw failure("no answer is accepted", field, row, of: rows) }
    if let empty = texts.firstIndex(of: "") {
      throw failure("accepted answer \(empty + 1) is empty", field, row, of: rows)
    }
    return texts
  }

  /// A row with its answer, as it comes before a question.
  private func example(_ row: TaskRows.Row, of rows: TaskRows) throws(Failure) -> String {
    let question = try question(row, of: rows)
    let (text, answer): (String, String)
    switch (task.outputType, question) {
    case (.multipleChoice, .index(let index)):
      let choices = try choices(row, of: rows)
      text = choices[try checked(index, choices, "doc_to_text", row, of: rows)]
      answer = try self.answer(row, of: rows)
    case (.multipleChoice, .text(let asked)):
      let choices = try choices(row, of: rows)
      (text, answer) = (asked, choices[try gold(question, choices, row, of: rows)[0]])
    case (.logLikelihood, _): (text, answer) = (question.text, try self.answer(row, of: rows))
    case (.generated, _): (text, answer) = (question.text, try accepted(row, of: rows)[0])
    }
    return text + task.targetDelimiter + answer + task.fewshotDelimiter
  }
}
