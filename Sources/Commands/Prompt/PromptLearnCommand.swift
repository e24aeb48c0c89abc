import ArgumentParser
import Builds
import BundleFormat
import Bytes
import FoundationEssentials
import Numerics
import Pipeline

struct PromptLearnCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "learn",
    abstract: "Learn a prompt on a bundle's own weights and put it there, in place.",
    discussion: """
      For a bundle that came without a prompt, or that is to have one for another kind of text:

        ctpack prompt learn model.ctpack --as stories --text train.txt --validation dev.txt

      The weights stay as they are; the prompt that is best on the validation text is kept. Every field of a \
      recipe's `prompt` section can be set, with a dot before a field inside another:

        --set tokens=50 --set learning_rate=0.01 --set validation.every=20
        --set kind=lora --set "targets=[q, v]" --set rank=16
        --set init_from.bundle=other.ctpack --set init_from.prompt=news
        --set objective=kl --teacher models/smollm2

      The fields, with what they may be (`ctpack recipe fields prompt` says what they mean):

      \(FieldList.prompt)

      With the same text, settings and weights it is the prompt that `ctpack run` learns, to the bit. Ctrl-C or a \
      crash costs at most a few steps: run the same command again. What is kept for that lies in the work folder, \
      which nothing needs afterwards. Measure the prompt on a text of its own with \
      `ctpack transfer BUNDLE BUNDLE --prompt NAME --text FILE`.
      """)

  @Argument(help: "The bundle; changed in place, in one step.") var bundle: String
  @Option(name: .customLong("as"), help: "The prompt's name in the bundle.") var name: String
  @Option(help: "The text to learn from, as `ctpack eval` takes it.") var text: String?
  @Option(help: "The text by which the best prompt is chosen.") var validation: String?
  @Option(help: "How many updates (default: 200).") var steps: Int?
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "A field of a recipe's `prompt` section; several times for several.", valueName: "field=value"
    )
  )
  var fields: [String] = []
  @Option(
    help:
      "The uncompressed model, for the objectives kl and mix: a folder, a GGUF file or a bundle.")
  var teacher: String?
  @Option(
    help: ArgumentHelp(
      "Where learning keeps what it needs to go on (default: BUNDLE.NAME.work in the current folder).",
      valueName: "dir"))
  var work: String?
  @Flag(help: "Say what would run and about what it takes; run nothing.") var explain = false
  @Flag(help: "The result as JSON.") var json = false
  @OptionGroup var memory: MemoryOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    for field in fields where !field.contains("=") || field.hasPrefix("=") {
      throw ValidationError("--set takes FIELD=VALUE, found `\(field)`")
    }
    if text == nil || validation == nil, !fields.contains("kind=hard") {
      throw ValidationError(
        "--text and --validation are needed: what to learn from, and what the best prompt is chosen by"
      )
    }
  }

  func run() throws {
    let recipe = try PromptRecipe(options: options)
    threads.apply()
    let target = try ModelBundle(path: bundle)
    guard FileManager.default.isWritableFile(atPath: bundle) else {
      throw Failure(.cannotCreate, file: bundle, "the bundle can't be written to")
    }
    let plan = try LearningPlan(
      recipe, on: target, full: teacher.map { try ModelFile(path: $0) },
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

  /// What was asked for as fields of a recipe's section.
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
    try Output.print(
      added + "\n  validation ppl \(Figure.short(without)) without, \(Figure.short(with)) with it,"
        + " best at step \(step)")
  }
}
