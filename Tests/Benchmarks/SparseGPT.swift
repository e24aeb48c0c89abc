import ArgumentParser
import Bytes
import Foundation
import Numerics
import Pipeline

/// The benchmark `sparsegpt`: time to prune a whole model, and its perplexity on held-out text.
struct SparseGPT: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sparsegpt",
    abstract:
      "SparseGPT of the whole model (64 × 512 tokens) against llm-compressor: time and perplexity.",
    discussion: """
      ctpack's time is that of the whole process, from the checkpoint to the packed bundle (import and tokenizing included);
      llm-compressor's time is that of its `oneshot` alone, after loading. Both perplexities are measured by `ctpack eval`.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "The ctpack program.") var ctpack = ".build/release/ctpack"
  @Option(help: "Calibration text, .jsonl.") var calibration = "Recipes/data/c4-train.jsonl"
  @Option(help: "Held-out text, .jsonl.") var heldOut = "Recipes/data/c4-validation.jsonl"
  @Option(help: "Sparsity: 50, 62.5 or 75 (percent), 2:4 or 4:8.") var sparsity = "50"
  @Option(help: "The recipe's `drift`; the peer has no such correction.") var drift = "none"
  @Option(help: "The recipe's `repair_steps`, which move the kept weights; the peer has none.")
  var repairSteps = 0
  @Option(help: "Windows of 1024 tokens of held-out text.") var evaluated = 24

  /// Calibration windows and tokens per window, as in the peer's script.
  private static let (windows, length) = (64, 512)

  func validate() throws {
    guard sparsity.contains(":") || Double(sparsity) != nil else {
      throw ValidationError("--sparsity \(sparsity) is neither a percentage nor a pattern like 2:4")
    }
  }

  func run() throws {
    let folder = NSTemporaryDirectory() + "/ctpack-benchmark-sparsegpt-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let share = sparsity.contains(":") ? "\"\(sparsity)\"" : "\((Double(sparsity) ?? .nan) / 100)"
    let roofline = Roofline.measure(.float32)
    print(roofline.line)
    var (ours, theirs): ([Double], [Double]) = ([], [])
    var notes: [String] = []
    for run in 0..<common.runs {
      let build = WholeModelBuild(
        common: common, ctpack: ctpack, calibration: calibration, windows: Self.windows,
        length: Self.length,
        compression: "{method: sparsegpt, bits: none, sparsity: \(share), drift: \(drift),"
          + " repair_steps: \(repairSteps)}")
      let result = try build.run(in: folder + "/\(run)", heldOut: heldOut, evaluated: evaluated)
      ours.append(result.seconds)
      notes.append("perplexity \(figure(result.perplexity))")
      guard let peers = common.peers else { continue }
      let dense = folder + "/dense"
      let answer = try runToEnd(
        peers + "/llmcompressor/bin/python",
        [
          common.script("llmcompressor_compress.py"), peers + "/hf", calibration,
          "sparsegpt-\(sparsity)", dense,
        ])
      theirs.append(answer["seconds"]?.double ?? .nan)
      let judged = try runToEnd(
        ctpack, ["eval", dense, "--text", heldOut, "--windows", String(evaluated), "--json"])
      notes.append("llm-compressor's \(figure(judged["ppl"]?.double ?? .nan))")
      try FileManager.default.removeItem(atPath: dense)
    }
    var result = BenchmarkResult(
      name: "SparseGPT \(sparsity), \(Self.windows) × \(Self.length)", unit: "s", ours: ours,
      peer: common.peers.map { _ in ("llm-compressor", theirs) },
      goal: "4 times as fast, perplexity within 1 %")
    let work = try Work(ModelFile(path: common.model).model(.float32))
      .secondOrder(windows: Self.windows, length: Self.length)
    result.notes = [roofline.share(work, in: median(ours))] + notes
    print(result.line)
  }
}
