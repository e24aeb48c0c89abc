import ArgumentParser
import Bytes
import Models
import Numerics
import Pipeline
import Text

/// The command `ctpack generate`.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Generate the continuation of one or more texts.",
    discussion: """
      Each step takes the most likely token; with --temperature tokens are sampled, and the same seed \
      and options give the same text. A prompt whose keys and values are stored in the bundle adds no \
      time before the first token.

      In a bundle with several prompts, the best one is chosen for each text (`--prompt auto`, \
      --route); --json shows the choice and the prompts' scores.

      On a terminal, control characters and marks of direction in a generated text are shown as \\u{…}. \
      A file or a pipe gets the text as it was generated; --json escapes them.
      """)

  @Argument(help: "A bundle, a Hugging Face folder or a GGUF file.") var model: String
  @Option(
    parsing: .singleValue,
    help: "The text to continue; repeat for several texts, which are generated in parallel.")
  var promptText: [String]
  @Option(
    help:
      "Maximum number of generated tokens per text; the model's context length also limits them.")
  var maxTokens = 64
  @Option(help: "Sampling temperature, by which logits are divided; 0 takes the most likely token.")
  var temperature = 0.0
  @Option(help: "Sample from the k most likely tokens only (0: all).") var topK = 0
  @Option(
    help:
      "Sample from the most likely tokens whose probabilities add up to this value only (1: all).")
  var topP = 1.0
  @Option(help: "Seed for sampling.") var seed: UInt64 = 0
  @Option(help: "Precision of cached keys and values: float32, float16 or int8.")
  var cache = AttentionCache.Format.float16
  @Option(
    help: "Precision of matrix products: bfloat16 (if the processor supports it) or float32.")
  var arithmetic = Arithmetic.bfloat16
  @Flag(help: "Print the result as JSON, with token ids.") var json = false
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var verification: VerifyOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if !(1...1_000_000).contains(maxTokens) {
      throw ValidationError("--max-tokens takes 1 to 1000000")
    }
    if !(1...64).contains(promptText.count) {
      throw ValidationError("--prompt-text can be given 1 to 64 times")
    }
  }

  func run() throws {
    threads.apply()
    let file = try ModelFile(path: model)
    verbosity.show(file.notes)
    try verification.check(file)
    let selection = try prompt.select(from: file)
    let tokenizer = try file.tokenizer()
    let model = try file.model(arithmetic)
    var settings = GenerationSettings()
    settings.maxTokens = maxTokens
    settings.cache = cache
    settings.stopTokens = Set(
      model.configuration.eosTokens + [tokenizer.eosToken].compactMap(\.self))
    (settings.sampling.temperature, settings.sampling.seed) = (temperature, seed)
    (settings.sampling.topK, settings.sampling.topP) = (topK, topP)
    let stream = TokenStream(tokenizer: tokenizer, isSilent: json || promptText.count > 1)
    let texts = promptText.map { tokenizer.encode($0, addSpecialTokens: true) }
    func onToken(_ text: Int, _ token: Int32) throws(Failure) -> Bool {
      if StopSignal.isRequested { throw Failure(.interrupted, "stopped") }
      try stream.show(token)
      return true
    }
    // A float32 cache must not start with stored keys and values, which are rounded to float16.
    let exact = cache == .float32
    let names: [String]
    let results: Generation
    switch selection {
    case .none:
      names = []
      results = try model.generate(texts, settings: settings, onToken: onToken)
    case .one(let prompt):
      names = [prompt.name]
      let (adapted, start) = try file.start(with: prompt, of: model, exact: exact)
      results = try adapted.generate(
        texts, prompt: start, settings: settings, onToken: onToken)
    case .several(let prompts, let bundle):
      names = prompts.map(\.name)
      let router = try prompt.router(
        among: prompts, of: bundle, in: model, exact: exact, verbosity)
      results = try model.generate(
        texts, chooser: router, settings: settings, onToken: onToken)
    }
    if json {
      try Output.print(document(results, tokenizer, names))
    } else if promptText.count == 1 {
      try stream.finish()
    } else {
      for (text, tokens) in zip(promptText, results.tokens) {
        try Output.write(generated: "> \(text)\n\(tokenizer.decode(tokens))\n\n")
      }
    }
  }

  /// The result as JSON: an object for one text, a list under `texts` for several.
  private func document(
    _ results: Generation, _ tokenizer: Tokenizer, _ names: [String]
  ) -> JSON {
    let texts = zip(results.tokens, results.choices).map { tokens, choice -> JSON in
      let name = choice.map { names[$0.index] } ?? names.first
      var object: JSONObject = [
        "text": .string(tokenizer.decode(tokens)),
        "ids": .array(tokens.map { .integer(Int64($0)) }),
        "prompt": name.map { .string($0) } ?? .null,
      ]
      if let choice {
        var scores = JSONObject()
        for (name, score) in zip(names, choice.scores) { scores[name] = .number(score) }
        object["scores"] = .object(scores)
      }
      return .object(object)
    }
    return texts.count == 1 ? texts[0] : ["texts": .array(texts)]
  }
}

extension AttentionCache.Format: ExpressibleByArgument {}

/// A generated text that is printed token by token.
private final class TokenStream {
  private var decoder: StreamingDecoder
  private let isSilent: Bool

  init(tokenizer: Tokenizer, isSilent: Bool) {
    decoder = StreamingDecoder(tokenizer)
    self.isSilent = isSilent
  }

  func show(_ token: Int32) throws(Failure) {
    if !isSilent { try Output.write(generated: decoder.append(token)) }
  }

  func finish() throws(Failure) { try Output.write(generated: decoder.finish() + "\n") }
}
