import ArgumentParser
import BundleFormat
import Bytes
import Evaluation
import Pipeline
import Prompts
import Text

struct TransferCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transfer",
    abstract: "Put prompts of one bundle onto another, in place.",
    discussion: """
      Both must come from the same base model and tokenizer. With --text the target is measured \
      without and with each prompt, and stored with each are the numbers and the key that texts find \
      it by (`--prompt auto`). Without, a prompt must have been measured on these weights before, or \
      --allow-unvalidated says that it need not.

      Several prompts (--prompt a --prompt b, or --all) arrive in one step or not at all, and the \
      target is measured without a prompt only once. --as gives new names, in the order of --prompt.
      """)

  @Argument(help: "The bundle that has the prompts.") var source: String
  @Argument(help: "The bundle that gets them; changed in place, in one step.") var target: String
  @Option(
    parsing: .singleValue,
    help: "A prompt's name, needed where the source has several; several times for several.")
  var prompt: [String] = []
  @Flag(help: "All prompts of the source.") var all = false
  @Option(
    name: .customLong("as"), parsing: .singleValue,
    help: "The prompt's name in the target; once per prompt.")
  var newNames: [String] = []
  @Option(help: "A text to measure on, before and after.") var text: String?
  @Option(help: "Tokens per window (default: the protocol's).") var seqlen: Int?
  @Option(help: "Windows to score at most (default: all).") var windows: Int?
  @Option(name: .customLong("protocol"), help: "The perplexity protocol.") var protocolID =
    "ctp-1024"
  @Flag(help: "Take the prompts though they were never measured on these weights.")
  var allowUnvalidated = false
  @Flag(help: "The result as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if all && !prompt.isEmpty { throw ValidationError("--all and --prompt exclude each other") }
    if all && !newNames.isEmpty {
      throw ValidationError("--as goes with --prompt, in whose order the names are given")
    }
    if !all && !newNames.isEmpty && newNames.count != max(1, prompt.count) {
      throw ValidationError("--as is given once per prompt, or not at all")
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
