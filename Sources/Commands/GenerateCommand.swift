import ArgumentParser
import Bytes
import Pipeline
import Text

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Continue a text: the most likely token at each step.")

  @Argument(help: "A bundle, a Hugging Face folder or a GGUF file.") var model: String
  @Option(help: "The text to continue.") var promptText: String
  @Option(help: "Tokens to generate at most.") var maxTokens = 64
  @Flag(help: "The result as JSON, with token ids.") var json = false
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    if !(1...1_000_000).contains(maxTokens) {
      throw ValidationError("--max-tokens takes 1 to 1000000")
    }
  }

  func run() throws {
    threads.apply()
    let file = try ModelFile(path: model)
    let prompt = try prompt.choose(from: file)
    let tokenizer = try file.tokenizer()
    let model = try file.model()
    let ids = tokenizer.encode(promptText, addSpecialTokens: true)
    let stream = TokenStream(tokenizer: tokenizer, isSilent: json)
    let tokens = try model.greedy(
      ids, prompt: prompt?.vectors, maxTokens: maxTokens,
      stopTokens: Set(model.configuration.eosTokens + [tokenizer.eosToken].compactMap(\.self))
    ) { token throws(Failure) in
      if StopSignal.isRequested { throw Failure(.interrupted, "stopped") }
      try stream.show(token)
      return true
    }
    if json {
      try Output.print([
        "text": .string(tokenizer.decode(tokens)),
        "ids": .array(tokens.map { .integer(Int64($0)) }),
        "prompt": prompt.map { .string($0.name) } ?? .null,
      ])
    } else {
      try stream.finish()
    }
  }
}

/// Text as it comes.
private final class TokenStream {
  private var decoder: StreamingDecoder
  private let isSilent: Bool

  init(tokenizer: Tokenizer, isSilent: Bool) {
    decoder = StreamingDecoder(tokenizer)
    self.isSilent = isSilent
  }

  func show(_ token: Int32) throws(Failure) {
    if !isSilent { try Output.write(decoder.append(token)) }
  }

  func finish() throws(Failure) { try Output.write(decoder.finish() + "\n") }
}
