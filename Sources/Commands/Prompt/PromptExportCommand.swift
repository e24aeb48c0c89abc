import ArgumentParser
import BundleFormat
import Bytes
import Checkpoints
import FoundationEssentials
import Models
import Numerics
import Pipeline
import Prompts

/// The command `ctpack prompt export`.
struct PromptExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a prompt or adapter in the format of PEFT or vLLM.",
    discussion: """
      peft: a folder that PeftModel.from_pretrained loads onto the base model or a compression of it.
      prompt-embeds: a tensor [tokens, width] in torch.save's format, for vLLM's `prompt_embeds`: the \
      prompt's rows followed by the embeddings of --prompt-text, which vLLM expects in the same tensor.
      """)

  /// The formats that a prompt can be written in.
  enum Form: String, ExpressibleByArgument, CaseIterable {
    case peft
    case promptEmbeds = "prompt-embeds"
  }

  @Argument(help: "The bundle.") var bundle: String
  @Argument(help: "The folder or file to write.") var out: String
  @Option(help: "The prompt's name; needed if the bundle has several.") var prompt: String?
  @Option(help: "Format: peft or prompt-embeds.") var to = Form.peft
  @Option(
    help: "Name of the base model in adapter_config.json (default: the bundle's own name for it).")
  var base: String?
  @Option(help: "Text that follows the prompt, for prompt-embeds.") var promptText: String?
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    if promptText != nil, to != .promptEmbeds {
      throw ValidationError("--prompt-text needs --to prompt-embeds")
    }
  }

  func run() throws {
    threads.apply()
    let bundle = try ModelBundle(path: bundle)
    let prompt = try Transfer.choose(prompt, from: bundle)
    if FileManager.default.fileExists(atPath: out) {
      throw Failure(
        .cannotCreate, file: out, "already exists", advice: "name another file or folder")
    }
    let count: Int
    switch to {
    case .peft:
      let model = try LanguageModel(bundle: bundle)
      let name = try base ?? bundle.provenance?.baseModelName ?? "base-model"
      let folder = prompt.peft(at: out, base: name, for: model.configuration)
      try folder.write()
      count = folder.tensors.values.reduce(0) { $0 + $1.values.count }
    case .promptEmbeds:
      let rows = try embeddings(prompt, bundle)
      try AtomicFile.write(
        TorchTensorWriter.bytes(rows.values, rows: rows.rows, columns: rows.columns),
        to: FileDestination(out))
      count = rows.count
    }
    if json {
      return try Output.print([
        "prompt": .string(prompt.name), "kind": .string(prompt.shape.kind.rawValue),
        "to": .string(to.rawValue), "out": .string(out), "numbers": JSON(count),
      ])
    }
    try Output.print("\(out): \(prompt.shape.label), \(Figure.count(count)) numbers")
  }

  /// The prompt's rows followed by those of the text, [tokens, width].
  ///
  /// - Throws: `usage` if the adapter is neither a soft nor a hard prompt.
  private func embeddings(_ prompt: StoredAdapter, _ bundle: ModelBundle) throws -> Tensor {
    guard case .embeddings(let tokens, let width, _) = prompt.shape else {
      throw Failure(
        .usage, file: bundle.path, at: "prompt “\(prompt.name)”",
        "a \(prompt.shape.kind.rawValue) adapter has no embeddings to put before a text's",
        advice: "name a soft or hard prompt")
    }
    guard let promptText else { return Tensor([tokens, width], prompt.values) }
    let file = ModelFile.bundle(bundle)
    let ids = try file.tokenizer().encode(promptText)
    let text = try LanguageModel(bundle: bundle).embed(ids)
    return Tensor([tokens + ids.count, width], prompt.values + text.values)
  }
}
