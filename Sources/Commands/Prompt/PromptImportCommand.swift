import ArgumentParser
import BundleFormat
import Bytes
import Checkpoints
import Models
import Pipeline
import Prompts
import Routing

/// The command `ctpack prompt import`.
struct PromptImportCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Add a prompt, prefix or LoRA saved by PEFT to a bundle, in place.",
    discussion: """
      Its shape must match the model's. The weights it was learned on are unknown, so it is marked as \
      never measured on these weights until `ctpack transfer BUNDLE BUNDLE --prompt NAME --text FILE` \
      measures it.
      """)

  @Argument(help: "The bundle; changed in place, in one step.") var bundle: String
  @Argument(help: "A folder with adapter_config.json and adapter_model.safetensors or .bin.")
  var folder: String
  @Option(name: .customLong("as"), help: "The prompt's name in the bundle.") var name: String
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if PromptName.fault(name) != nil {
      throw ValidationError("--as takes a name of \(PromptName.allowed)")
    }
  }

  func run() throws {
    threads.apply()
    let target = try ModelBundle(path: bundle)
    try target.checkFree(name)
    try target.requireSound()
    let measured = try target.measuredModel
    let model = try LanguageModel(bundle: target)
    let adapter = try PEFTFolder(reading: folder)
    verbosity.show(adapter.notes)
    let prompt = try StoredAdapter(adapter, name: name, for: model.configuration)
    let key = try verbosity.learningKeys {
      try StoredRoutingKey.learn(
        for: prompt, in: model, weights: measured.weights, progress: $0)
    }
    let generation = try BundleEditor.edit(bundle) { (edit) throws(Failure) in
      try edit.check(measured)
      try edit.checkStillFree(name)
      edit.add(.adapter(prompt))
      if let key { edit.add(.routingKey(key)) }
    }.generation
    if json {
      return try Output.print([
        "prompt": .string(name), "kind": .string(prompt.shape.kind.rawValue),
        "target": .string(bundle),
        "generation": .integer(Int64(clamping: generation)), "validated": false,
      ])
    }
    try Output.print(
      "\(bundle): \(prompt.shape.label) added as `\(name)` (generation \(generation)), never measured"
        + " on these weights")
  }
}
