import ArgumentParser
import Builds
import BundleFormat
import Bytes
import Numerics
import Pipeline

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Build the artifact that a recipe describes, or go on where an earlier run stopped.",
    discussion: """
      A recipe is a YAML file. The least one needs a model and a text to calibrate on:

        model: models/smollm2            # a Hugging Face folder or a GGUF file
        calibration: {text: data/train.txt, windows: 128, length: 512}
        compression: {method: gptq, bits: 3, group_size: 64}
        prompt:                          # leave out for an artifact without a prompt
          tokens: 100                    # or kind: prefix, lora or hard in its place
          steps: 200
          validation: {text: data/dev.txt}
        evaluation:
          - {name: wikitext-2, text: data/test.raw, protocol: ctp-1024, windows: 16}
        gate: {max_ratio_to_full: 1.5}   # nothing is packaged unless it is met
        package: {storage: coded}        # a smaller file; mapped, the default, is for serving
        output: smollm2-3bit.ctpack

      Paths are relative to the recipe's folder; ${NAME} stands for an environment variable. \
      Everything else has a default, and every mistake is reported with its line before anything \
      runs. `ctpack recipe fields` lists all fields with their ranges, defaults and meanings.

      Stages: import, calibrate, compress, prompt, verify, gate, package. What a stage made stays \
      in the work folder and is reused while nothing that it depends on changes. Ctrl-C or a crash \
      at any moment costs at most the step at hand: run the same command again, and the artifact is \
      the same to the byte.
      """)

  @Argument(help: "The recipe, a YAML file.") var recipe: String
  @Option(
    help: ArgumentHelp(
      "Where stages keep what they make (default: NAME.work in the current folder).",
      valueName: "dir"))
  var work: String?
  @Option(
    help: ArgumentHelp(
      "The artifact (default: the recipe's `output`, or NAME.ctpack in the current folder).",
      valueName: "file"))
  var out: String?
  @Option(help: ArgumentHelp("Stop after this stage.", valueName: "stage")) var until: String?
  @Option(
    help: ArgumentHelp(
      "Which of the recipe's `variants` to build.",
      discussion: "A variant lays its fields over the recipe's; its name ends the artifact's."))
  var variant: String?
  @Flag(
    help: ArgumentHelp(
      "Say for each stage whether it would run, why, and about what it takes; run nothing.",
      discussion: """
        Times come from earlier runs in the work folder, or else from how fast this machine \
        multiplies. Where the recipe gives the model's `shape`, the checkpoint and texts needn't be \
        there yet.
        """))
  var explain = false
  @Flag(help: "Results as JSON on standard output.") var json = false
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
    if until == nil { try Artifact.checkWritable(target) }
    log.debug("work folder: \(folder)")
    let done = try build.run(until: until)
    guard let bundle = done.object(of: BuildPlan.artifact) else {
      if json { try Output.print(["stages": .array(done.map(\.summaryJSON))]) }
      return
    }
    switch try Artifact.publish(bundle, from: store, to: target) {
    case .replaced: log.notice("\(target) held something else and was replaced")
    case .created, .unchanged: break
    }
    let size = WholeFile(try ModelBundle(path: target), sourceBytes: plan.sourceBytes)
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
      try Output.print(
        "\(target): \(Figure.bytes(bundle.byteCount)), SHA-256 \(bundle.digest.hex)\n  \(size.line)"
      )
    }
  }
}

extension StageMarker {
  var summaryJSON: JSON {
    ["stage": .string(stage), "key": .string(key.digest.hex), "summary": summary]
  }
}
