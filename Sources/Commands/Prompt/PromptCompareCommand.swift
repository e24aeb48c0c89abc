import ArgumentParser
import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
import Pipeline
import Prompts
import Routing
import Text

struct PromptCompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measure a bundle's prompts, and ways to choose among them, on some texts.",
    discussion: """
      Every window of every text is scored without a prompt and with each prompt; from that follows \
      what a choice made anew for each window gives:

      random          each prompt equally likely (--seed)
      best-single     the one prompt with the lowest perplexity over all texts
      keys            the prompt whose routing key the first block's queries attend to most, for the tokens of the \
      window's beginning (--part): what `--prompt auto` does
      lowest-nll      the lowest loss over the same tokens, at the price of a pass per prompt \
      (`--route loss`)
      attention       the prompt whose own rows the first block attends to most (inference-time dynamic \
      prompting as published, `--route attention`). All tokens of the window decide, so the choice knows the text \
      that it is scored on
      attention-part  the same, with the window's beginning deciding
      oracle          the lowest loss over all scored tokens of the window: what no choice can beat

      best-single and oracle are known only afterwards. `rest` is the perplexity of the tokens behind \
      --part alone, which keys, lowest-nll and attention-part have not seen. Give texts of several kinds to see \
      who goes where. --store keeps it all as evidence in the bundle, and each prompt's measurement \
      with the prompt, with routing keys where there were none; what was put there with --allow-unvalidated counts as measured then.
      """)

  @Argument(help: "The bundle.") var bundle: String
  @Option(
    parsing: .singleValue, help: "A text as `ctpack eval` takes it; several times for several.")
  var text: [String]
  @Option(
    parsing: .singleValue,
    help: "A prompt to compare; several times for several (default: all of the bundle).")
  var prompt: [String] = []
  @Option(help: "Tokens per window (default: the protocol's).") var seqlen: Int?
  @Option(help: "Windows of each text at most (default: all).") var windows: Int?
  @Option(name: .customLong("protocol"), help: "The perplexity protocol.") var protocolID =
    "ctp-1024"
  @Option(
    help:
      "Tokens at the start of a window that keys, lowest-nll and attention-part go by (default: 256, half of a window at most)."
  )
  var part: Int?
  @Option(help: "Of the random choice.") var seed: UInt32 = 0
  @Option(help: "Of the products with the weights: float32 or bfloat16.")
  var arithmetic = Arithmetic.float32
  @Flag(help: "Keep the numbers in the bundle, in place, in one step.") var store = false
  @Flag(help: "The result as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if text.isEmpty { throw ValidationError("--text is needed, once or several times") }
    if let windows, windows < 1 { throw ValidationError("--windows takes 1 or more") }
  }

  func run() throws {
    threads.apply()
    let opened = try ModelBundle(path: bundle)
    let prompts = try chosenPrompts(of: opened)
    let file = ModelFile.bundle(opened)
    let texts = try text.map { path in
      // No path is kept in a bundle.
      (name: PathNames.last(path), corpus: try Corpus.load(path: path))
    }
    let model = try file.model(arithmetic)
    let measurement = Measurement(
      model: model, tokenizer: try file.tokenizer(), progress: verbosity.progress)
    let (keys, learned) = try verbosity.learningKeys(areKept: store) {
      try opened.routingKeys(of: prompts, in: model, progress: $0)
    }
    var comparison = try PromptComparison(
      model,
      prompts: prompts.map { ($0.name, try Adapter($0, for: model.configuration)) },
      keys: keys.map { RoutingKey($0) },
      rule: try PerplexityProtocol(id: protocolID, length: seqlen), part: part,
      seed: UInt64(seed))
    for (name, corpus) in texts {
      try measurement.compare(
        corpus.text, named: name, digest: corpus.digest, windows: windows, into: &comparison)
    }
    var generation: UInt64?
    if store {
      let weights = opened.weightsDigest
      generation = try AdapterLibrary.store(
        comparison.evidence(model: ("compressed", weights), arithmetic: model.arithmetic.available),
        validations: comparison.validations(on: weights), routingKeys: learned, in: bundle)
    }
    let page = PromptComparisonPage(comparison)
    if json {
      var object = page.json.object ?? [:]
      object["arithmetic"] = .string(model.arithmetic.available.rawValue)
      object["stored_in_generation"] = generation.map { .integer(Int64(clamping: $0)) } ?? .null
      return try Output.print(.object(object))
    }
    try Output.print(page.text)
    if let generation { try Output.print("\nkept in \(bundle) (generation \(generation))") }
  }

  private func chosenPrompts(of bundle: ModelBundle) throws -> [StoredAdapter] {
    let prompts =
      prompt.isEmpty
      ? try bundle.adapters : try prompt.map { try PromptOptions.named($0, in: bundle) }
    guard Set(prompts.map(\.name)).count == prompts.count else {
      throw Failure(.usage, at: "--prompt", "a prompt was given twice")
    }
    try PromptOptions.checkChoice(among: prompts, in: bundle)
    return prompts
  }
}
