import ArgumentParser
import Bytes
import Evaluation
import Models
import Numerics
import Pipeline
import Text

/// The command `ctpack eval`.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure the perplexity of a bundle, a Hugging Face folder or a GGUF file.",
    discussion: """
      Only the text's own tokens are scored, the same ones with and without a prompt; a prompt's \
      positions never are. Two perplexities are comparable only if protocol, text and windows are the \
      same.

      In a bundle with several prompts, one is chosen for each window (`--prompt auto`, --route, \
      --route-tokens). `ctpack prompt compare` measures such choices beside each prompt alone.
      """)

  @Argument(help: "A bundle, a Hugging Face folder or a GGUF file.") var model: String
  @Option(help: "A UTF-8 text file, or a .jsonl file whose `text` fields are joined by a space.")
  var text: String
  @Option(help: "Tokens per window (default: the protocol's).") var seqlen: Int?
  @Option(help: "Number of windows to score, from the start of the text (default: all).")
  var windows: Int?
  @Option(
    name: .customLong("protocol"),
    help: "ctp-1024, gptq-2048 or llamacpp-512; another number of tokens may follow the hyphen.")
  var protocolID = "ctp-1024"
  @Option(
    help: """
      Precision of matrix products: float32, or bfloat16 (about twice as fast on processors that support it; \
      changes a perplexity by less than 0.1 %).
      """)
  var arithmetic = Arithmetic.float32
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var verification: VerifyOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if let windows, windows < 1 { throw ValidationError("--windows takes 1 or more") }
  }

  func run() throws {
    threads.apply()
    let rule = try PerplexityProtocol(id: protocolID, length: seqlen)
    let file = try ModelFile(path: model)
    verbosity.show(file.notes)
    try verification.check(file)
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
    // The processor may lack the precision asked for.
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
  /// The measurement with keys that scripts rely on.
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
