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

/// The command `ctpack prompt compare`.
struct PromptCompareCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measure a bundle's prompts, and rules for choosing among them, on texts.",
    discussion: """
      Every window of every text is scored without a prompt and with each prompt. From these scores \
      follows the perplexity of each rule that chooses a prompt per window:

      random          a prompt drawn at random for each window (--seed)
      best-single     the prompt with the lowest perplexity over all texts, for every window
      keys            the prompt whose routing key receives most of the attention of the first block's queries, \
      over the window's first tokens (--part): the rule of `--prompt auto`
      lowest-nll      the prompt with the lowest loss over the window's first tokens (--part), at the cost of a forward \
      pass per prompt (`--route loss`)
      attention       the prompt whose own rows receive most of the first block's attention, over all tokens of the \
      window, so that the rule sees the text it is scored on (inference-time dynamic prompting as \
      published, `--route attention`)
      attention-part  the prompt whose own rows receive most of the first block's attention, over the window's first \
      tokens (--part)
      oracle          the prompt with the lowest loss over all scored tokens of the window, a bound on every rule

      best-single and oracle are known only after scoring. `rest` is the perplexity of the tokens after \
      the first --part, which keys, lowest-nll and attention-part have not seen. Use texts of several \
      kinds to see which prompt each kind is given. --store adds the measurements to the bundle's \
      evidence and to each prompt, and stores routing keys that were missing; prompts transferred with \
      --allow-unvalidated become validated.
      """)

  @Argument(help: "The bundle.") var bundle: String
  @Option(
    parsing: .singleValue, help: "A text, as for `ctpack eval`; repeat for several texts.")
  var text: [String]
  @Option(
    parsing: .singleValue,
    help: "A prompt to compare; repeat for several (default: all of the bundle's).")
  var prompt: [String] = []
  @Option(help: "Tokens per window (default: the protocol's).") var seqlen: Int?
  @Option(help: "Number of windows of each text to score (default: all).") var windows: Int?
  @Option(name: .customLong("protocol"), help: "The perplexity protocol.") var protocolID =
    "ctp-1024"
  @Option(
    help:
      "Number of tokens at the start of a window by which keys, lowest-nll and attention-part choose (default: 256, but at most half of a window)."
  )
  var part: Int?
  @Option(help: "Seed of the rule random.") var seed: UInt32 = 0
  @Option(
    help: "Precision of matrix products: float32, or bfloat16 (if the processor supports it).")
  var arithmetic = Arithmetic.float32
  @Flag(help: "Store the measurements in the bundle, in place, in one step.") var store = false
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if text.isEmpty { throw ValidationError("--text is needed at least once") }
    if let windows, windows < 1 { throw ValidationError("--windows takes 1 or more") }
  }

  func run() throws {
    threads.apply()
    let opened = try ModelBundle(path: bundle)
    // Measurements are stored under the digest of the weights, so the weights must match it.
    if store { try opened.requireSound() }
    let prompts = try chosenPrompts(of: opened)
    let file = ModelFile.bundle(opened)
    let texts = try text.map { path in
      // Bundles hold no paths.
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
        comparison.evidence(
          model: ("compressed", weights), tokenizer: opened.tokenizerDigest,
          arithmetic: model.arithmetic.available),
        validations: comparison.validations(
          on: weights, arithmetic: model.arithmetic.available), routingKeys: learned, of: prompts,
        on: opened.measuredModel, in: bundle)
    }
    let page = PromptComparisonPage(comparison)
    if json {
      var object = page.json.object ?? [:]
      object["arithmetic"] = .string(model.arithmetic.available.rawValue)
      object["tokenizer_sha256"] = opened.tokenizerDigest.map { .string($0.hex) } ?? .null
      object["stored_in_generation"] = generation.map { .integer(Int64(clamping: $0)) } ?? .null
      return try Output.print(.object(object))
    }
    try Output.print(page.lines)
    if let generation { try Output.print(["", "stored in \(bundle) (generation \(generation))"]) }
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
