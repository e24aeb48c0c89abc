import ArgumentParser
import Bytes
import Evaluation
import Models
import Numerics
import Pipeline
import Text

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure the perplexity of a bundle, a Hugging Face folder or a GGUF file.",
    discussion: """
      Only real tokens are scored, and the same ones with and without a prompt. Two numbers can be \
      compared only where their protocol, text and windows are the same.

      A bundle with several prompts is measured with a choice among them, anew for every window \
      (`--prompt auto`, --route, --route-tokens). `ctpack prompt compare` puts choices beside each \
      prompt alone.
      """)

  @Argument(help: "A bundle, a Hugging Face folder or a GGUF file.") var model: String
  @Option(help: "A text as it is, or .jsonl whose `text` fields are joined by a space.")
  var text: String
  @Option(help: "Tokens per window (default: the protocol's).") var seqlen: Int?
  @Option(help: "Windows to score at most (default: all).") var windows: Int?
  @Option(
    name: .customLong("protocol"),
    help: "ctp-1024, gptq-2048, llamacpp-512, or the same with another number of tokens.")
  var protocolID = "ctp-1024"
  @Option(
    help: """
      Of the products with the weights: float32, or bfloat16 (about twice as fast where the processor has it; \
      it changes a perplexity by less than 0.1 %).
      """)
  var arithmetic = Arithmetic.float32
  @Flag(help: "The result as JSON.") var json = false
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if let windows, windows < 1 { throw ValidationError("--windows takes 1 or more") }
  }

  func run() throws {
    threads.apply()
    let rule = try PerplexityProtocol(id: protocolID, length: seqlen)
    let file = try ModelFile(path: model)
    let selection = try prompt.select(from: file)
    let corpus = try Corpus.load(path: text)
    let model = try file.model(arithmetic)
    let measurement = Measurement(
      model: model, tokenizer: try file.tokenizer(),
      progress: verbosity.progress)
    let result: Perplexity
    switch selection {
    case .none:
      result = try measurement.perplexity(corpus.text, rule: rule, windows: windows, label: "eval")
    case .one(let prompt):
      let adapter = try Adapter(prompt, for: model.configuration)
      result = try measurement.perplexity(
        corpus.text, rule: rule, windows: windows, prompt: (prompt.name, adapter), label: "eval")
    case .several(let prompts, let bundle):
      let router = try prompt.router(
        among: prompts, of: bundle, in: model, exact: true, verbosity)
      result = try measurement.perplexity(
        corpus.text, rule: rule, windows: windows, choosing: prompts.map(\.name), by: router,
        label: "eval")
    }
    if json {
      var object = result.json.object ?? [:]
      object["arithmetic"] = .string(model.arithmetic.available.rawValue)
      return try Output.print(.object(object))
    }
    // What was asked for may not be what this processor has.
    let arithmetic = model.arithmetic.available
    let numbers = arithmetic == .float32 ? "" : ", products in \(arithmetic)"
    var with = result.prompt.map { ", with prompt `\($0)`" } ?? ""
    if let choice = result.choice {
      with +=
        " (" + choice.shares.map { "\($0.prompt): \($0.windows)" }.joined(separator: ", ") + ")"
    }
    let ppl = "\(Figure.fixed(result.value, 4)) ± \(Figure.fixed(result.standardError, 4))"
    try Output.print(
      "\(result.protocolID): ppl \(ppl)"
        + " over \(Figure.count(result.scoredTokens)) tokens in \(result.windows) windows"
        + with + numbers)
  }
}

extension Perplexity {
  /// The keys that scripts rely on.
  var json: JSON {
    var object: JSONObject = [
      "protocol": .string(protocolID), "ppl": .number(value), "ppl_stderr": .number(standardError),
      "nll": .number(nll), "scored_tokens": JSON(scoredTokens), "tokens": JSON(tokens),
      "windows": JSON(windows), "prompt": prompt.map { .string($0) } ?? .null,
    ]
    object["choice"] = choice?.json
    return .object(object)
  }
}
