import ArgumentParser
import Builds
import BundleFormat
import Bytes
import Numerics
import Pipeline

/// The command `ctpack run`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Build the artifact that a recipe describes, or resume an interrupted build.",
    discussion: """
      A recipe is a YAML file. Only `model` and `calibration` are required:

        model: models/smollm2            # a Hugging Face folder or a GGUF file
        calibration: {text: data/train.txt, windows: 128, length: 512}
        compression: {method: gptq, bits: 3, group_size: 64}
        prompt:                          # leave out for an artifact without a prompt
          tokens: 100                    # a soft prompt; other kinds: prefix, lora, hard
          steps: 200
          validation: {text: data/dev.txt}
        evaluation:
          - {name: wikitext-2, text: data/test.raw, protocol: ctp-1024, windows: 16}
        gate: {max_ratio_to_full: 1.5}   # nothing is packaged unless this is met
        package: {storage: coded}        # a smaller file; the default, mapped, is for serving
        output: smollm2-3bit.ctpack

      Paths are relative to the recipe's folder; ${NAME} is replaced by the environment variable NAME. \
      A recipe is checked before anything runs, and every mistake is reported with its line. \
      `ctpack recipe fields` lists all fields with their ranges, defaults and meanings.

      Stages: import, calibrate, compress, prompt, verify, gate, package. A stage's results stay in the \
      work folder and are reused until something they depend on changes. A build can be interrupted at \
      any moment, by Ctrl-C or a crash; it loses at most the current step. The same command resumes it, \
      and the artifact is the same byte for byte.

      An artifact that is there already is replaced when it changes, unless it was edited since it was \
      built (prompts added, removed or measured, signatures): then it is kept (--force).
      """)

  @Argument(help: "The recipe, a YAML file.") var recipe: String
  @Option(
    help: ArgumentHelp(
      "Work folder, for the stages' results (default: NAME.work in the current folder).",
      valueName: "dir"))
  var work: String?
  @Option(
    help: ArgumentHelp(
      "The artifact to write (default: the recipe's `output`, or NAME.ctpack in the current folder).",
      valueName: "file"))
  var out: String?
  @Option(help: ArgumentHelp("Stop after this stage.", valueName: "stage")) var until: String?
  @Option(
    help: ArgumentHelp(
      "The variant to build, of those under the recipe's `variants`.",
      discussion: "A variant's fields replace the recipe's; its name is appended to the artifact's."
    ))
  var variant: String?
  @Flag(
    help: ArgumentHelp(
      "Show for each stage whether it would run, why, and its estimated cost; run nothing.",
      discussion: """
        Times come from earlier runs in the work folder, or else from this machine's measured speed \
        of matrix products. If the recipe gives the model's `shape`, checkpoint and texts may still be \
        missing.
        """))
  var explain = false
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var replacement: ReplacementOptions
  @OptionGroup var memory: MemoryOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func run() throws {
    var recipe = try Recipe(path: recipe, variant: variant, planning: explain)
    if let bytes = memory.bytes { recipe.memory = bytes }
    threads.apply()
    let log = verbosity.logger
    log.debug("kernels: \(BLAS.describe), \(Parallel.threads) threads")
    log.debug("memory to use: \(Figure.bytes(recipe.memory))")
    let plan = try BuildPlan(recipe)
    verbosity.show(plan.notes)
    let folder = work ?? recipe.name + ".work"
    let store = try Store(folder: folder, create: !explain)
    let build = try Build(
      stages: plan.stages, store: store, kernels: BLAS.kernelClass, threads: Parallel.threads,
      progress: verbosity.buildProgress)
    if explain {
      let outlooks = try build.explainWithEstimates(
        until: until, missing: recipe.missing, rate: .measured())
      return try Explanation(outlooks, missing: recipe.missing).print(json: json)
    }

    let target = out ?? recipe.output ?? recipe.name + ".ctpack"
    if until == nil {
      try replacement.rule.check(try Artifact.checkWritable(target), by: nil)
    }
    log.debug("work folder: \(folder)")
    let done = try build.run(until: until)
    guard let bundle = done.object(of: BuildPlan.artifact) else {
      if json { try Output.print(["stages": .array(done.map(\.summaryJSON))]) }
      return
    }
    let outcome = try Artifact.publish(bundle, from: store, to: target) { there in
      try replacement.rule.check(there, by: ModelBundle(path: store.path(of: bundle)))
    }
    switch outcome {
    case .replaced: log.notice("replaced \(target), which had other content")
    case .created, .unchanged: break
    }
    let size = WholeFile(try ModelBundle(path: target))
    try report(done, bundle, target, size)
  }

  private func report(
    _ done: [StageMarker], _ bundle: StoreObject, _ target: String, _ size: WholeFile
  ) throws {
    if json {
      try Output.print([
        "artifact": .string(target), "sha256": .string(bundle.digest.hex),
        "bytes": JSON(bundle.byteCount), "whole_file": size.json,
        "stages": .array(done.map(\.summaryJSON)),
      ])
    } else {
      try Output.print([
        "\(target): \(Figure.bytes(bundle.byteCount)), SHA-256 \(bundle.digest.hex)",
        "  \(size.line)",
      ])
    }
  }
}

extension StageMarker {
  /// The stage's name, key and summary.
  var summaryJSON: JSON {
    ["stage": .string(stage), "key": .string(key.digest.hex), "summary": summary]
  }
}
