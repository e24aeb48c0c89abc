import ArgumentParser
import Builds
import BundleFormat
import Bytes
import Foundation
import Numerics
import Pipeline

/// The command `ctpack repro`.
struct ReproCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repro",
    abstract: "Build a bundle again from its recipe and inputs, and compare the content.",
    discussion: """
      A bundle records its recipe, the digests of its inputs, and a key of each stage. Inputs that \
      are others than those recorded are named first, and nothing is built then. Otherwise the build \
      runs in a work folder of its own, and its stages and content are compared with the bundle's. The \
      first stage that differs is named, with the recipe's field, the program's version or the kind of \
      processor that explains it, as far as known.

      The recipe is the bundle's own. It doesn't say where the inputs are: --inputs names folders, in \
      which they are found by their digests, whatever they are called there, and --input a single file \
      or, for `model`, a folder. A recipe's file is given by --recipe instead, with the places that it \
      names; each field in which it differs from the bundle's is shown.

      Prompts and measurements that were added since the build are listed, and don't count as \
      differences. Nor do signatures.

      Exit status 0: the build gives the same content; 1: something differs, or the gate isn't met; \
      65: an input is another one; 66: an input is missing.
      """)

  @Argument(help: "The bundle; it is not changed.") var bundle: String
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "A folder in which the recorded inputs are, at any depth; repeat for several.",
      valueName: "folder"))
  var inputs: [String] = []
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "The place of an input, by its recorded name or role (`calibration`); repeat for several.",
      valueName: "name=path"))
  var input: [String] = []
  @Option(
    help: ArgumentHelp("A recipe's file (YAML) in place of the bundle's own.", valueName: "file"))
  var recipe: String?
  @Option(help: "The variant that was built, of those under the recipe's `variants`.")
  var variant: String?
  @Option(
    help: ArgumentHelp(
      "Work folder to keep, in which an interrupted run resumes (default: a temporary one).",
      valueName: "dir"))
  var work: String?
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var memory: MemoryOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if recipe != nil, !inputs.isEmpty || !input.isEmpty {
      throw ValidationError(
        "--inputs and --input belong to the bundle's own recipe; leave them out with --recipe")
    }
    if recipe == nil, variant != nil { throw ValidationError("--variant belongs to --recipe") }
    for place in input where place.split(separator: "=", maxSplits: 1).count < 2 {
      throw ValidationError("--input takes NAME=PATH, found `\(place)`")
    }
  }

  func run() throws {
    let original = try ModelBundle(path: bundle, verify: .full)
    let links = Self.temporaryFolder
    defer { try? FileManager.default.removeItem(atPath: links) }
    var recipe = try recipe(of: original, links: links)
    if let bytes = memory.bytes { recipe.memory = bytes }
    threads.apply()
    let reproduction = try Reproduction(of: original, by: recipe)
    verbosity.show(reproduction.plan.notes)
    let folder = work ?? Self.temporaryFolder
    defer { if work == nil { try? FileManager.default.removeItem(atPath: folder) } }
    let store = try Store(folder: folder, create: true)
    let done = try Build(
      stages: reproduction.plan.stages, store: store, kernels: BLAS.kernelClass,
      threads: Parallel.threads, progress: verbosity.buildProgress
    ).run()
    guard let object = done.object(of: BuildPlan.artifact) else {
      throw Failure(.internalError, "the build made no bundle")
    }
    let rebuilt = try ModelBundle(path: store.path(of: object))
    let outcome = try reproduction.outcome(done, rebuilt)
    if json {
      try Output.print(outcome.json(reproduction, bundle))
    } else {
      try Output.print(outcome.page(reproduction, bundle))
    }
    if !outcome.isReproduced { throw ExitCode(1) }
  }

  /// The recipe to build by: the given one, or the bundle's own with its inputs linked to from the new
  /// folder `links`.
  private func recipe(of original: ModelBundle, links: String) throws -> Recipe {
    if let recipe { return try Recipe(path: recipe, variant: variant) }
    var search = try InputSearch(for: original)
    for place in input {
      let parts = place.split(separator: "=", maxSplits: 1)
      try search.take(String(parts[1]), as: String(parts[0]))
    }
    try search.search(inputs)
    return try Recipe(
      storedIn: original, inputs: InputLinks(to: search.found(), in: links))
  }

  /// A new name in the system's folder for temporary files (TMPDIR).
  private static var temporaryFolder: String {
    FileManager.default.temporaryDirectory.path + "/ctpack-repro-" + UUID().uuidString
  }
}

extension ReproductionOutcome {
  /// The maximum number of sections shown; `--json` has all.
  private static let shown = 12

  fileprivate func page(_ reproduction: Reproduction, _ path: String) -> [String] {
    let whole = content.digests[0]
    var lines: [String] = []
    if isReproduced {
      lines.append("\(path): reproduced, digest \(whole.rebuilt.hex)")
    } else {
      let stage = firstStage.map { "; the first stage whose output differs is \($0)" } ?? ""
      lines.append("\(path): NOT reproduced\(stage)")
    }
    lines += content.added.map { "  added since the build: \($0)" }
    lines += reproduction.notes.map { "  note: \($0)" }
    lines += reproduction.recipeChanges.map { "  recipe: \($0.clause)" }
    lines.append("")
    var rows = [["stage", "recorded key", "key now", "why"]]
    for stage in stages {
      let keys = [stage.recorded, stage.key].map { $0.map { String($0.hex.prefix(12)) } ?? "none" }
      rows.append([stage.name] + keys + [stage.isSame ? "same" : stage.reasons[0]])
      rows += stage.reasons.dropFirst().map { ["", "", "", $0] }
    }
    lines += Output.table(rows, indent: "")
    lines.append("")
    rows = [["digest", "recorded", "rebuilt"]]
    for digest in content.digests {
      let same = digest.recorded == digest.rebuilt
      rows.append([digest.part, digest.recorded.hex, same ? "same" : digest.rebuilt.hex])
    }
    lines += Output.table(rows, indent: "")
    guard !content.differences.isEmpty else { return lines }
    lines.append("")
    lines += content.differences.prefix(Self.shown).map { "\($0.section) \($0.finding)" }
    let more = content.differences.count - Self.shown
    if more > 0 { lines.append("… and \(more) more (--json lists all)") }
    return lines
  }

  fileprivate func json(_ reproduction: Reproduction, _ path: String) -> JSON {
    [
      "bundle": .string(path), "reproduced": .bool(isReproduced),
      "first_stage": firstStage.map { .string($0) } ?? .null,
      "first_key": firstKey.map { .string($0.name) } ?? .null,
      "added_since": JSON(content.added), "notes": JSON(reproduction.notes),
      "recipe_changes": .array(
        reproduction.recipeChanges.map {
          ["path": .string($0.path), "first": $0.first ?? .null, "second": $0.second ?? .null]
        }),
      "stages": .array(
        stages.map {
          [
            "stage": .string($0.name), "recorded": .string($0.recorded.hex),
            "key": $0.key.map { .string($0.hex) } ?? .null, "same": .bool($0.isSame),
            "reasons": JSON($0.reasons),
          ]
        }),
      "digests": .array(
        content.digests.map {
          [
            "part": .string($0.part), "recorded": .string($0.recorded.hex),
            "rebuilt": .string($0.rebuilt.hex),
          ]
        }),
      "differences": .array(
        content.differences.map {
          [
            "section": .string($0.section), "stage": .string($0.stage),
            "finding": .string($0.finding),
          ]
        }),
    ]
  }
}
