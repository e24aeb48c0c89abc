import ArgumentParser
import BundleFormat
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
      positions never are. Two perplexities are comparable only if protocol, text, tokenizer, windows \
      and arithmetic are the same.

      --against measures a second model, such as the full one, on the same windows without a prompt. The \
      ratio of the two perplexities has a paired error, which is smaller than that of either. \
      --divergence adds the numbers of llama.cpp's `--kl-divergence`; their errors take windows, not \
      tokens, as independent.

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
  @Option(
    help: "A second model to compare with on the same tokens: a bundle, a folder or a GGUF file.")
  var against: String?
  @Flag(help: "Also measure the divergence from the model of --against: KL, Δp, same top token.")
  var divergence = false
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var verification: VerifyOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if let windows, windows < 1 { throw ValidationError("--windows takes 1 or more") }
    if divergence, against == nil { throw ValidationError("--divergence goes with --against") }
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
      model: model, tokenizer: try file.tokenizer(), progress: verbosity.progress)
    let meter: PerplexityMeter
    switch selection {
    case .none: meter = try measurement.meter(corpus.text, rule: rule, windows: windows)
    case .one(let prompt):
      let adapter = try Adapter(prompt, for: model.configuration)
      meter = try measurement.meter(
        corpus.text, rule: rule, windows: windows, prompt: (prompt.name, adapter))
    case .several(let prompts, let bundle):
      let router = try prompt.router(
        among: prompts, of: bundle, in: model, exact: true, verbosity)
      meter = try measurement.meter(
        corpus.text, rule: rule, windows: windows, choosing: prompts.map(\.name), by: router)
    }
    let comparison = try compare(measurement, meter, corpus)
    let result = try comparison?.result ?? measurement.run(meter, label: "eval")
    // The processor may lack the precision asked for.
    let arithmetic = model.arithmetic.available
    guard json else {
      return try Output.print(lines(result, arithmetic) + (comparison.map(lines) ?? []))
    }
    var object = result.json.object ?? [:]
    object["arithmetic"] = .string(arithmetic.rawValue)
    object["text_sha256"] = .string(corpus.digest.hex)
    object["tokenizer_sha256"] = .string(
      SHA256Digest(hashing: measurement.tokenizer.canonicalJSON).hex)
    object["model_sha256"] = file.weightsDigest.map { .string($0.hex) } ?? .null
    if let comparison {
      object["against"] = comparison.base.json
      object["ratio"] = .number(comparison.ratio.value)
      object["ratio_se"] = comparison.ratio.standardError.map { .number($0) } ?? .null
      object["divergence"] = comparison.divergence?.json
    }
    try Output.print(.object(object))
  }

  /// Measures the model of --against beside `meter`; nil without the option.
  private func compare(
    _ measurement: Measurement, _ meter: PerplexityMeter, _ corpus: Corpus
  ) throws -> ModelComparison? {
    guard let against else { return nil }
    let other = try ModelFile(path: against)
    verbosity.show(other.notes)
    try verification.check(other)
    let base = Measurement(
      model: try other.model(arithmetic), tokenizer: try other.tokenizer(),
      progress: verbosity.progress)
    do {
      return try measurement.compare(
        meter, with: base, baseDigest: other.weightsDigest, text: corpus.text, windows: windows,
        divergence: divergence)
    } catch let failure as Failure where failure.kind == .notMet {
      throw failure.located(file: against)
    }
  }

  private func lines(_ result: Perplexity, _ arithmetic: Arithmetic) -> [String] {
    let numbers = arithmetic == .float32 ? "" : ", products in \(arithmetic)"
    var with = result.prompt.map { ", with prompt `\($0)`" } ?? ""
    if let choice = result.choice {
      with +=
        " (" + choice.shares.map { "\($0.prompt): \($0.windows)" }.joined(separator: ", ") + ")"
    }
    let ppl = "\(Figure.fixed(result.value, 4)) ± \(Figure.fixed(result.standardError, 4))"
    return [
      "\(result.protocolID): ppl \(ppl)"
        + " over \(Figure.count(result.scoredTokens)) tokens in \(result.windows) windows"
        + with + numbers
    ]
  }

  private func lines(_ comparison: ModelComparison) -> [String] {
    let (base, ratio) = (comparison.base, comparison.ratio)
    let error = ratio.standardError.map { " ± \(Figure.fixed($0, 4))" } ?? " (one window: no error)"
    let head =
      "against \(against ?? ""): ppl \(Figure.fixed(base.value, 4))"
      + " ± \(Figure.fixed(base.standardError, 4)), ratio \(Figure.fixed(ratio.value, 4))\(error)"
    guard let divergence = comparison.divergence else { return [head] }
    return [head, ""] + DivergenceTable(divergence, comparison).lines
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
