import Bytes
import Evaluation
import Foundation
import Pipeline
import TestSupport
import Testing

/// Task files: those of Recipes/tasks on rows in their data sets' forms, and what is refused.
@Suite struct TaskFileTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// A task of Recipes/tasks with a row in each of the forms that it reads, and what it makes of them.
  struct Shipped: Sendable {
    let name: String
    let rows: String
    var labels: String? = nil
    let context: String
    let continuations: [String]
    let gold: [Int]
    var choices: [String]? = nil
  }

  static let shipped: [Shipped] = [
    Shipped(
      name: "hellaswag",
      rows: """
        {"ind": 4, "activity_label": "Removing ice", "ctx_a": "Then  he.", "ctx_b": "the Man", "endings": ["a [step] b", "c"], "label": 1}
        {"query": "Removing ice: Then he. The man", "endings": ["a b", "c"], "label": "1"}
        """, context: "Removing ice: Then he. The man", continuations: [" a b", " c"], gold: [1]),
    Shipped(
      name: "piqa", rows: #"{"goal": "dry", "sol1": "fan ", "sol2": "sun"}"#, labels: "1\n",
      context: "Question: dry\nAnswer:", continuations: [" fan ", " sun"], gold: [1]),
    Shipped(
      name: "openbookqa",
      rows: """
        {"question": {"stem": "Fog:", "choices": [{"text": "a", "label": "A"}, {"text": "b", "label": "B"}]}, "answerKey": "B"}
        {"question_stem": "Fog:", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"}
        """, context: "Fog:", continuations: [" a", " b"], gold: [1]),
    Shipped(
      name: "arc_easy",
      rows: """
        {"question": "Q?", "choices": ["a", "b", "c"], "gold": 2}
        {"question": "Q?", "choices": {"text": ["a", "b", "c"], "label": ["1", "2", "3"]}, "answerKey": "3"}
        """, context: "Question: Q?\nAnswer:", continuations: [" a", " b", " c"], gold: [2]),
    Shipped(
      name: "arc_challenge", rows: #"{"question": "Q?", "choices": ["a", "b"], "gold": 0}"#,
      context: "Question: Q?\nAnswer:", continuations: [" a", " b"], gold: [0]),
    Shipped(
      name: "mmlu_high_school_european_history", rows: "\"Line one\nWhich? \",w,x,y,z,C\n",
      context: """
        The following are multiple choice questions (with answers) about high school european history.

        Line one
        Which?
        A. w
        B. x
        C. y
        D. z
        Answer:
        """, continuations: [" A", " B", " C", " D"], gold: [2], choices: ["A", "B", "C", "D"]),
    Shipped(
      name: "lambada_openai", rows: #"{"text": "One two  three"}"#, context: "One two ",
      continuations: [" three"], gold: [0], choices: [" three"]),
    Shipped(
      name: "sciq",
      rows:
        #"[{"question": "Q?", "distractor1": "a", "distractor2": "b", "distractor3": "c", "correct_answer": "d", "support": " S."}]"#,
      context: "S.\nQuestion: Q?\nAnswer:", continuations: [" a", " b", " c", " d"], gold: [3]),
    Shipped(
      name: "copa",
      rows:
        #"{"premise": "It rained. ", "choice1": "Wet.", "choice2": "Dry.", "question": "effect", "label": 0}"#,
      context: "It rained therefore", continuations: ["  wet.", "  dry."], gold: [0]),
    Shipped(
      name: "webqs", rows: #"{"question": "Q?", "answers": ["Bob Dylan", "Bob", "Al"]}"#,
      context: "Question: Q?\nAnswer:", continuations: [" Al", " Bob"], gold: [0, 1]),
    Shipped(
      name: "triviaqa", rows: #"{"question": "Who", "answer": {"aliases": ["A", "B"]}}"#,
      context: "Question: Who?\nAnswer:", continuations: [""], gold: [0, 1], choices: ["A", "B"]),
    Shipped(
      name: "triviaqa_open_book",
      rows: #"{"question": "Who", "context": " C ", "answer": {"aliases": ["A"]}}"#,
      context: "C\nQuestion: Who?\nAnswer:", continuations: [""], gold: [0], choices: ["A"]),
  ]

  /// A shipped task whose data are files of this test.
  private func items(_ name: String, rows: String, labels: String?) throws -> TaskItems {
    let page = RealModel.packageRoot + "/Recipes/tasks/\(name).yaml"
    var yaml = ""
    // Each path is replaced by a file of this test.
    for line in try String(contentsOfFile: page, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    {
      let key = line.split(separator: ":").first.map { String($0) } ?? ""
      let ending = line.split(separator: ".").last.map { String($0) } ?? ""
      switch key {
      case "dataset_path":
        yaml += "dataset_path: \(try folder.write("rows.\(ending)", rows))\n"
      case "labels_path": yaml += "labels_path: \(try folder.write("labels.lst", labels ?? ""))\n"
      case "fewshot_path": yaml += "fewshot_path: \(try folder.write("shots.\(ending)", rows))\n"
      default: yaml += line + "\n"
      }
    }
    return try TaskItems(TaskDescription(yaml: yaml, path: folder.file(name + ".yaml")))
  }

  @Test(arguments: shipped) func shippedTasksMakeTheirQuestions(_ task: Shipped) throws {
    let items = try items(task.name, rows: task.rows, labels: task.labels)
    #expect(items.task.name == task.name)
    #expect(!items.items.isEmpty)
    for item in items.items {
      #expect(item.pairs.allSatisfy { $0.context == task.context }, "\(item.pairs)")
      #expect(item.pairs.map(\.continuation) == task.continuations)
      #expect(item.gold == task.gold)
      if let choices = task.choices { #expect(item.choices == choices) }
    }
  }

  @Test func winograndesOptionsAreContexts() throws {
    let items = try items(
      "winogrande",
      rows: #"{"sentence": "Ian told _ that.", "option1": "Bo", "option2": "Al", "answer": "2"}"#,
      labels: nil)
    #expect(
      items.items[0].pairs == [
        .init(context: "Ian told Bo", continuation: " that."),
        .init(context: "Ian told Al", continuation: " that."),
      ])
    #expect(items.items[0].gold == [1])
  }

  @Test func everyShippedTaskIsTested() throws {
    let files = TemporaryFolder.names(in: RealModel.packageRoot + "/Recipes/tasks")
      .filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
    #expect(Set(files) == Set(Self.shipped.map(\.name) + ["winogrande"]))
  }

  // MARK: - What is refused

  private static let good = """
    task: t
    dataset_path: rows.jsonl
    output_type: multiple_choice
    doc_to_text: "Q: {{q}}"
    doc_to_choice: c
    doc_to_target: gold

    """

  private func failure(_ yaml: String, rows: String) throws -> Failure? {
    try folder.write("rows.jsonl", rows)
    return #expect(throws: Failure.self) {
      try TaskItems(TaskDescription(yaml: yaml, path: folder.file("t.yaml")))
    }
  }

  private static let row = #"{"q": "a", "c": ["x", "y"], "gold": 0}"#

  @Test func theGoodTaskIsAccepted() throws {
    try folder.write("rows.jsonl", Self.row)
    let task = try TaskDescription(yaml: Self.good, path: folder.file("t.yaml"))
    #expect(try TaskItems(task).items.count == 1)
    #expect(task.metrics == [.accuracy, .normalizedAccuracy])
  }

  static let wrongFields: [(add: String, line: Int, finding: String)] = [
    ("doc_to_txt: q", 7, "unknown key `doc_to_txt` (did you mean `doc_to_text`?)"),
    ("process_docs: !function utils.p", 7, "process_docs: isn't supported"),
    ("include: base.yaml", 7, "include: isn't supported"),
    ("description: !function utils.d", 7, "`!function` isn't supported"),
    ("description: \"{{ a|nope }}\"", 7, "the filter `nope` isn't supported"),
    ("num_fewshot: many", 7, "expected a whole number"),
    ("fewshot_config: {sampler: default}", 7, "expected one of first_n"),
    ("metric_list: [{metric: f1}]", 7, "expected one of acc, acc_norm, exact_match, found `f1`"),
    ("metric_list: [{metric: acc, aggregation: median}]", 7, "expected one of mean"),
    ("target_delimiter: [a]", 7, "expected text, found a list"),
    ("generation_kwargs: {until: [x]}", 7, "goes with `output_type: generate_until`"),
    ("dataset_format: xml", 7, "expected one of jsonl, json, csv, tsv"),
  ]

  @Test(arguments: wrongFields.indices) func wrongFieldsHaveALine(_ index: Int) throws {
    let (add, line, finding) = Self.wrongFields[index]
    let failure = try failure(Self.good + add + "\n", rows: Self.row)
    #expect(failure?.kind == .invalidData && failure?.place == "line \(line)", "\(failure as Any)")
    #expect(failure?.finding.contains(finding) == true, "\(failure as Any)")
  }

  @Test(arguments: ["task", "output_type", "doc_to_text", "doc_to_choice", "doc_to_target"])
  func missingFieldsAreNamed(_ field: String) throws {
    let lines = Self.good.split(separator: "\n").filter { !$0.hasPrefix(field + ":") }
    let failure = try failure(lines.joined(separator: "\n"), rows: Self.row)
    #expect(failure?.kind == .invalidData)
    #expect(failure?.description.contains("\(field): is missing") == true, "\(failure as Any)")
  }

  @Test func aMissingFileOfRowsIsNamed() throws {
    let failure = #expect(throws: Failure.self) {
      try TaskDescription(yaml: Self.good, path: folder.file("t.yaml"))
    }
    #expect(failure?.kind == .inputMissing && failure?.place == "line 2")
  }

  static let wrongRows: [(row: String, finding: String)] = [
    (#"{"q": "a", "c": ["x", "y"]}"#, "the row has no field `gold`; it has q, c"),
    (#"{"c": ["x", "y"], "gold": 0}"#, "the row has no field `q`"),
    (#"{"q": "a", "c": ["x", ""], "gold": 0}"#, "choice 2 of 2 is empty"),
    (#"{"q": "a", "c": [], "gold": 0}"#, "there are no choices"),
    (#"{"q": "a", "c": "xy", "gold": 0}"#, "`doc_to_choice` is a string, not a list"),
    (#"{"q": "a", "c": ["x", 1], "gold": 0}"#, "element 2 of `doc_to_choice` is a number"),
    (#"{"q": "a", "c": ["x", "y"], "gold": 2}"#, "number 2, but the choices are 0 to 1"),
    (#"{"q": "a", "c": ["x", "y"], "gold": -1}"#, "number -1, but the choices are 0 to 1"),
    (#"{"q": "a", "c": ["x", "y"], "gold": "z"}"#, "\"z\" is none of the 2 choices"),
    (#"{"q": "a", "c": ["x", "y"], "gold": true}"#, "is a boolean, not a choice's number"),
    (#"{"q": ["a"], "c": ["x", "y"], "gold": 0}"#, "can't be part of a text"),
  ]

  @Test(arguments: wrongRows.indices) func wrongRowsHaveALine(_ index: Int) throws {
    let (row, finding) = Self.wrongRows[index]
    let failure = try failure(Self.good, rows: Self.row + "\n" + row + "\n")
    #expect(failure?.kind == .invalidData && failure?.place == "line 2", "\(failure as Any)")
    #expect(failure?.file == folder.file("rows.jsonl"))
    #expect(failure?.finding.contains(finding) == true, "\(failure as Any)")
    #expect(failure?.advice?.contains("t.yaml, line ") == true, "\(failure as Any)")
  }

  @Test func moreExamplesThanRowsAreRefused() throws {
    let failure = try failure(Self.good + "num_fewshot: 1\n", rows: Self.row)
    #expect(failure?.place == "line 7" && failure?.finding.contains("has 1 rows") == true)
  }
}
