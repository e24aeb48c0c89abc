import ArgumentParser
import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
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
    let targetBundle = try ModelBundle(path: target)
    var transfers = try checked(targetBundle)
    var records: [EvidenceRecord] = []
    if let text {
      threads.apply()
      let corpus = try Corpus.load(path: text)
      let name = (name: TextName.of(text), digest: Optional(corpus.digest))
      let file = ModelFile.bundle(targetBundle)
      let model = try file.model()
      let measured = try measure(corpus.text, transfers.map(\.prompt), model, file)
      for index in transfers.indices {
        let (prompt, weights) = (transfers[index].prompt, transfers[index].targetWeights)
        let key = try verbosity.learningKey(of: prompt.name) {
          try StoredRoutingKey.learn(for: prompt, in: model, weights: weights, onPart: $0)
        }
        if let key { transfers[index].add(key) }
        transfers[index].add(
          try Perplexity.validation(
            without: measured[0], with: measured[1 + index],
            weights: weights, text: name))
      }
      let measuredModel = (name: "compressed", digest: Optional(targetBundle.weightsDigest))
      records = measured.map { $0.evidence(text: name, model: measuredModel) }
    }
    let generation = try Transfer.write(
      transfers, adding: records, allowUnvalidated: allowUnvalidated)
    if json { return try Output.print(document(transfers, records, generation)) }
    for (index, transfer) in transfers.enumerated() {
      try Output.print(
        "\(target): prompt `\(transfer.prompt.name)` added (generation \(generation))")
      if !records.isEmpty {
        try Output.print(
          "  ppl \(Figure.short(records[0].ppl)) without,"
            + " \(Figure.short(records[1 + index].ppl)) with it")
      }
    }
  }

  /// Every prompt that is asked for, checked against the target.
  private func checked(_ target: ModelBundle) throws -> [Transfer] {
    let source = try ModelBundle(path: source)
    if all {
      let names = try source.adapters.map(\.name)
      guard !names.isEmpty else {
        throw Failure(.usage, file: source.path, "the bundle has no prompt")
      }
      return try names.map { try Transfer($0, from: source, to: target) }
    }
    if prompt.isEmpty { return [try Transfer(from: source, to: target, as: newNames.first)] }
    return try prompt.enumerated().map { index, name in
      try Transfer(name, from: source, to: target, as: newNames.isEmpty ? nil : newNames[index])
    }
  }

  /// Without a prompt, then with each.
  private func measure(
    _ text: String, _ prompts: [StoredAdapter], _ model: LanguageModel, _ file: ModelFile
  ) throws -> [Perplexity] {
    let rule = try PerplexityProtocol(id: protocolID, length: seqlen)
    let measurement = Measurement(
      model: model, tokenizer: try file.tokenizer(), progress: verbosity.progress)
    return try [
      measurement.perplexity(text, rule: rule, windows: windows, label: "without")
    ]
      + prompts.map { prompt in
        let adapter = try Adapter(prompt, for: model.configuration)
        return try measurement.perplexity(
          text, rule: rule, windows: windows, prompt: (prompt.name, adapter),
          label: "with \(prompt.name)")
      }
  }

  private func document(
    _ transfers: [Transfer], _ records: [EvidenceRecord], _ generation: UInt64
  ) -> JSON {
    [
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
