import ArgumentParser
import BundleFormat
import Bytes
import Pipeline
import Text

/// The command `ctpack report`.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a page to look at: what compression cost, and what prompts gave back.",
    discussion: """
      The page is one HTML file, which loads nothing. It shows, for each bundle and side by side, the \
      sizes and perplexities, the settings that differ, what was made from what, the damage layer by \
      layer, how prompts were learned, and how they do on other bundles; and the divergence from the \
      full model and changed answers in tasks where a bundle holds them. Every number leads to its \
      protocol. The numbers are in the page as JSON too, which --json prints.

      --against and --text add a text coloured by what each of its tokens lost, and what the prompt \
      gave back: the first prompt that was measured on the bundle's weights.

      --task names the file of a measured task (Recipes/tasks); the rows that it names become the texts \
      of changed answers, if they are those of the measurement.

      A page of an earlier report is replaced; any other file at --out is kept (exit status 73).
      """)

  @Argument(help: "Bundles, or work folders of `ctpack run`.") var inputs: [String]
  @Option(help: "The HTML file to write.") var out: String
  @Option(
    help: ArgumentHelp(
      "The full model, with --text: a bundle, a Hugging Face folder or a GGUF file.",
      valueName: "model"))
  var against: String?
  @Option(help: "With --against: the text, of which the first 512 tokens are shown.")
  var text: String?
  @Option(
    help: ArgumentHelp(
      "A task file: its rows become the texts of changed answers; may be repeated.",
      valueName: "file"))
  var task: [String] = []
  @Option(help: "How much of each bundle to verify: none, fast or full.")
  var verify: Verification = .fast
  @Flag(help: "Also print the page's data as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if (against == nil) != (text == nil) {
      throw ValidationError("--against and --text go together")
    }
  }

  func run() throws {
    if against == nil { threads.limit() } else { threads.apply() }
    let file = try ReportFile(out, inputs: inputs + [against, text].compactMap(\.self) + task)
    let opened = try inputs.map { try ReportInput($0, verify: verify) }
    var data = try ReportData(opened)
    var texts = try ReportTaskTexts(task)
    for index in data.bundles.indices { try texts.add(to: &data.bundles[index]) }
    try texts.checkAllUsed()
    if let against, let text { try addTokens(to: &data, of: opened, against, text) }
    let page = ReportPage(data)
    try file.write(page)
    if json { return try Output.print(data.json) }
    let numbers = data.bundles.reduce(0) { $0 + $1.scores.count }
    try Output.print(
      "\(out): \(data.bundles.count) \(data.bundles.count == 1 ? "bundle" : "bundles"), "
        + "\(numbers) perplexities, \(data.protocols.all.count) protocols")
  }

  private func addTokens(
    to data: inout ReportData, of opened: [ReportInput], _ against: String, _ text: String
  ) throws {
    let full = try ModelFile(path: against)
    verbosity.show(full.notes)
    let corpus = try Corpus.load(path: text)
    for (index, input) in opened.enumerated() {
      let prompt = try input.bundle.adapters.first { !$0.unvalidated }
      let label = data.bundles[index].name
      var protocols = data.protocols
      data.bundles[index].tokens = try verbosity.progress.alone(
        label, unit: "pass", unlessDone: "nothing was written"
      ) { progress in
        try ReportTokens(
          of: input.bundle, prompt: prompt, against: full, corpus, named: PathNames.last(text),
          in: &protocols, progress: progress)
      }
      data.protocols = protocols
    }
  }
}
