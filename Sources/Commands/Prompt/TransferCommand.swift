import ArgumentParser
import BundleFormat
import Bytes
import Evaluation
import Pipeline
import Prompts
import Text

/// The command `ctpack transfer`.
struct TransferCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "transfer",
    abstract: "Copy prompts from one bundle to another compression of the same model, in place.",
    discussion: """
      Both bundles must come from the same base model and tokenizer. With --text the target is measured \
      without a prompt and with each, and the perplexities are stored with the prompts, along with the \
      routing keys that `--prompt auto` chooses by. Without --text, a prompt must have been measured on \
      the target's weights before, unless --allow-unvalidated is given.

      Several prompts (--prompt a --prompt b, or --all) are added in one step or not at all, and the \
      target is measured without a prompt only once. --as gives new names, in the order of --prompt.
      """)

  @Argument(help: "The bundle to copy prompts from.") var source: String
  @Argument(help: "The bundle to copy them to; changed in place, in one step.") var target: String
  @Option(
    parsing: .singleValue,
    help: "A prompt's name, needed if the source has several; repeat for several prompts.")
  var prompt: [String] = []
  @Flag(help: "Copy all prompts of the source.") var all = false
  @Option(
    name: .customLong("as"), parsing: .singleValue,
    help: "The prompt's name in the target; once for each --prompt.")
  var newNames: [String] = []
  @Option(help: "A text to measure the target on, without and with each prompt.") var text: String?
  @Option(help: "Tokens per window (default: the protocol's).") var seqlen: Int?
  @Option(help: "Number of windows to score, from the start of the text (default: all).")
  var windows: Int?
  @Option(name: .customLong("protocol"), help: "The perplexity protocol.") var protocolID =
    "ctp-1024"
  @Flag(help: "Accept prompts that were never measured on the target's weights.")
  var allowUnvalidated = false
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if all && !prompt.isEmpty { throw ValidationError("--all and --prompt exclude each other") }
    if all && !newNames.isEmpty {
      throw ValidationError("--as goes with --prompt, in whose order the names are given")
    }
    if !all && !newNames.isEmpty && newNames.count != max(1, prompt.count) {
      throw ValidationError("--as must be given once per prompt, or not at all")
    }
  }

  func run() throws {
    threads.apply()
    let targetBundle = try ModelBundle(path: target)
    var plan = try TransferPlan(selection, from: ModelBundle(path: source), to: targetBundle)
    if let text {
      try plan.measure(
        Corpus.load(path: text), named: PathNames.last(text),
        rule: PerplexityProtocol(id: protocolID, length: seqlen), windows: windows,
        progress: verbosity.progress)
    }
    let generation = try plan.write(allowUnvalidated: allowUnvalidated)
    if json { return try Output.print(document(plan, generation)) }
    for (index, transfer) in plan.transfers.enumerated() {
      try Output.print(
        "\(target): prompt `\(transfer.prompt.name)` added (generation \(generation))")
      if !plan.records.isEmpty {
        try Output.print(
          "  ppl \(Figure.short(plan.records[0].ppl)) without,"
            + " \(Figure.short(plan.records[1 + index].ppl)) with it")
      }
    }
  }

  private var selection: TransferPlan.Selection {
    if all { return .all }
    if prompt.isEmpty { return .only(as: newNames.first) }
    return .named(
      prompt.enumerated().map { index, name in
        (name, newNames.isEmpty ? nil : newNames[index])
      })
  }

  private func document(_ plan: TransferPlan, _ generation: UInt64) -> JSON {
    let (transfers, records) = (plan.transfers, plan.records)
    return [
      "prompt": transfers.count == 1 ? .string(transfers[0].prompt.name) : .null,
      "prompts": .array(
        transfers.map {
          ["name": .string($0.prompt.name), "validated": .bool($0.isValidated)]
        }),
      "target": .string(target), "generation": .integer(Int64(clamping: generation)),
      "validated": .bool(transfers.allSatisfy(\.isValidated)),
      "evidence": .array(records.map(\.json)),
    ]
  }
}
