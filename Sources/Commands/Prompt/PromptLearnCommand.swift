import ArgumentParser
import Builds
import BundleFormat
import Bytes
import FoundationEssentials
import Numerics
import Pipeline
import Prompts

/// The command `ctpack prompt learn`.
struct PromptLearnCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "learn",
    abstract: "Learn a prompt on a bundle's weights and add it to the bundle, in place.",
    discussion: """
      For a bundle without a prompt, or for another kind of text:

        ctpack prompt learn model.ctpack --as stories --text train.txt --validation dev.txt

      The weights don't change; the prompt with the lowest perplexity on the validation text is kept. Every field \
      of a recipe's `prompt` section can be set; a dot separates a nested field from its section:

        --set tokens=50 --set learning_rate=0.01 --set validation.every=20
        --set kind=lora --set "targets=[q, v]" --set rank=16
        --set init_from.bundle=other.ctpack --set init_from.prompt=news
        --set objective=kl --teacher models/smollm2

      The fields and their values (`ctpack recipe fields prompt` explains them):

      \(FieldList.prompt)

      The same text, settings and weights give the same prompt as `ctpack run`, bit for bit. After Ctrl-C or a \
      crash the same command resumes, with the loss of a few steps at most. The work folder can be deleted \
      afterwards. Measure the prompt on a text used for neither with \
      `ctpack transfer BUNDLE BUNDLE --prompt NAME --text FILE`.
      """)

  @Argument(help: "The bundle; changed in place, in one step.") var bundle: String
  @Option(name: .customLong("as"), help: "The prompt's name in the bundle.") var name: String
  @Option(help: "The text to learn from, as for `ctpack eval`.") var text: String?
  @Option(help: "The text by which the best step's prompt is chosen.") var validation: String?
  @Option(help: "Number of updates (default: 200).") var steps: Int?
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "A field of a recipe's `prompt` section; repeat for several.", valueName: "field=value"
    )
  )
  var fields: [String] = []
  @Option(
    help:
      "The uncompressed model, for the objectives kl and mix: a folder, a GGUF file or a bundle.")
  var teacher: String?
  @Option(
    help: ArgumentHelp(
      "Work folder, from which learning resumes (default: BUNDLE.NAME.work in the current folder).",
      valueName: "dir"))
  var work: String?
  @Flag(help: "Show what would run and its estimated cost; run nothing.") var explain = false
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var memory: MemoryOptions
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if let fault = PromptName.fault(name) { throw ValidationError("--as: \(fault)") }
    for field in fields where !field.contains("=") || field.hasPrefix("=") {
      throw ValidationError("--set takes FIELD=VALUE, found `\(field)`")
    }
    if text == nil || validation == nil, !fields.contains("kind=hard") {
      throw ValidationError(
        "--text and --validation are needed: a text to learn from, and one to choose the best prompt by"
      )
    }
  }

  func run() throws {
    let recipe = try PromptRecipe(options: options)
    threads.apply()
    let target = try ModelBundle(path: bundle)
    guard FileManager.default.isWritableFile(atPath: bundle) else {
      throw Failure(
        .cannotCreate, file: bundle, "is not writable",
        advice: "change its permissions, or learn on a copy of it")
    }
    let full = try teacher.map { try ModelFile(path: $0) }
    verbosity.show(full?.notes ?? [])
    let plan = try LearningPlan(
      recipe, on: target, full: full,
      memory: memory.bytes ?? ProcessUsage.availableMemory / 2)
    let store = try Store(folder: folder, create: !explain)
    let progress = verbosity.buildProgress
    let build = try Build(
      stages: plan.stages, store: store, kernels: BLAS.kernelClass, threads: Parallel.threads,
      progress: progress)
    if explain {
      return try Explanation(
        build.explainWithEstimates(rate: .measured()), missing: []
      ).print(json: json)
    }
    let done = try build.run()
    let (prompt, generation) = try verbosity.learningKeys {
      try plan.publish(done, from: store, progress: $0)
    }
    try report(prompt, done.last?.summary ?? .null, generation)
  }

  /// The options as fields of a recipe's `prompt` section.
  private var options: [(field: String, value: String)] {
    let own = [
      ("name", name), ("text", text), ("validation.text", validation),
      ("steps", steps.map { String($0) }),
    ].compactMap { field, value in value.map { (field: field, value: $0) } }
    return own
      + fields.compactMap { field in
        guard let equals = field.firstIndex(of: "=") else { return nil }
        return (String(field[..<equals]), String(field[field.index(after: equals)...]))
      }
  }

  private var folder: String {
    if let work { return work }
    let base = PathNames.last(bundle)
    return (base.hasSuffix(".ctpack") ? String(base.dropLast(7)) : base) + ".\(name).work"
  }

  private func report(_ prompt: StoredAdapter, _ summary: JSON, _ generation: UInt64) throws {
    if json {
      return try Output.print([
        "bundle": .string(bundle), "prompt": .string(name),
        "kind": .string(prompt.shape.kind.rawValue),
        "generation": .integer(Int64(clamping: generation)), "learned": summary,
      ])
    }
    let added = "\(bundle): \(prompt.shape.label) added as `\(name)` (generation \(generation))"
    guard let without = summary["validation_ppl_without"]?.double,
      let with = summary["validation_ppl"]?.double, let step = summary["best_step"]?.int
    else { return try Output.print(added) }
    try Output.print([
      added,
      "  validation ppl \(Figure.short(without)) without, \(Figure.short(with)) with it,"
        + " best at step \(step)",
    ])
  }
}
