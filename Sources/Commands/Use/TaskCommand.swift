import ArgumentParser
import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
import Pipeline
import Text

/// The command `ctpack task`.
struct TaskCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "task",
    abstract:
      "Measure how many rows of a task a model answers rightly, and which compression flipped.",
    discussion: """
      A task is a YAML file: where the rows are, how a row becomes a question and choices, and what is \
      right. Recipes/tasks has ready ones (HellaSwag, PIQA, ARC, LAMBADA …), and its README explains the \
      fields, which are lm-evaluation-harness's where they mean the same:

        task: piqa
        dataset_path: valid.jsonl
        labels_path: valid-labels.lst
        output_type: multiple_choice
        doc_to_text: "Question: {{goal}}\\nAnswer:"
        doc_to_choice: "{{[sol1, sol2]}}"
        doc_to_target: label

      acc is the share of rows whose likeliest choice is right; acc_norm divides each log-likelihood by the \
      choice's characters first. ± is the standard error.

      --against names the uncompressed model. It answers the same rows without a prompt, and the rows on \
      which the two differ are listed with their direction. p is McNemar's exact test: how probable a \
      difference as large is by chance.

      A task cut short by --limit says how many rows it saw of how many.
      """)

  @Argument(help: "A bundle, a Hugging Face folder or a GGUF file.") var model: String
  @Option(help: ArgumentHelp("The task file.", valueName: "file")) var task: String
  @Option(help: ArgumentHelp("A file of rows in place of the task's own.", valueName: "file"))
  var data: String?
  @Option(help: "Number of rows to answer, from the start of the file (default: all).")
  var limit: Int?
  @Option(
    help: ArgumentHelp(
      "The model to compare with on the same rows: the uncompressed one.", valueName: "model"))
  var against: String?
  @Option(
    help: ArgumentHelp(
      "Write every row with its question, choices and answers to this file, one JSON object per line.",
      valueName: "items.jsonl"))
  var out: String?
  @Option(
    help: """
      Precision of matrix products: float32, or bfloat16 (about twice as fast on processors that support it; \
      may flip rows on which two choices are nearly as likely).
      """)
  var arithmetic = Arithmetic.float32
  @Flag(help: "Print the result as JSON, with all flips.") var json = false
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var verification: VerifyOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit takes 1 or more") }
  }

  func run() throws {
    threads.apply()
    let items = try TaskItems(TaskDescription(path: task, data: data), limit: limit)
    try checkOut(items)
    let file = try ModelFile(path: model)
    verbosity.show(file.notes)
    try verification.check(file)
    let selection = try prompt.select(from: file)
    let destination = try out.map { (path) throws(Failure) in try FileDestination(path) }
    let measuring = TaskMeasuring(items, progress: verbosity.progress)
    let full = try against.map { path in
      let other = try ModelFile(path: path)
      verbosity.show(other.notes)
      return try measuring.run(
        other.model(arithmetic), other.tokenizer(), label: "\(items.task.name), \(path)")
    }
    let model = try file.model(arithmetic)
    let result = try measuring.run(
      model, file.tokenizer(), prompt: taskPrompt(selection, model), label: items.task.name)
    let flips = try full.map { (full) throws(Failure) in try result.flips(from: full) } ?? []
    if let destination {
      let report = TaskItemsReport(items: items, result: result, full: full)
      try AtomicFile.write(report.jsonLines, to: destination)
    }
    let page = TaskPage(
      result: result, full: full, flips: flips, against: against ?? "full",
      arithmetic: model.arithmetic.available)
    if json { return try Output.print(page.json) }
    try Output.print(page.lines)
  }

  /// Checks that `--out` isn't a file that the measurement reads, which it would replace.
  private func checkOut(_ items: TaskItems) throws(Failure) {
    guard let out, let existing = try? FileIdentity(path: out) else { return }
    let task = items.task
    let read = [
      model, against, task.file, task.rows.path, task.rows.labelsPath, task.fewshotRows?.path,
      task.fewshotRows?.labelsPath,
    ]
    for path in read.compactMap(\.self) {
      guard let other = try? FileIdentity(path: path), other.isSameFile(as: existing) else {
        continue
      }
      throw Failure(
        .usage, file: out, at: "--out", "is a file that the measurement reads",
        advice: "give another name")
    }
  }

  private func taskPrompt(
    _ selection: SelectedPrompts, _ model: LanguageModel
  ) throws -> TaskPrompt {
    switch selection {
    case .none: return .none
    case .one(let prompt):
      return .one(name: prompt.name, try Adapter(prompt, for: model.configuration))
    case .several(let prompts, let bundle):
      let router = try prompt.router(among: prompts, of: bundle, in: model, exact: true, verbosity)
      return .chosen(names: prompts.map(\.name), router)
    }
  }
}
