import ArgumentParser
import Bytes
import Foundation
import Numerics
import Pipeline

/// The benchmark `gptq`: time to quantize a whole model, and its perplexity on held-out text.
struct GPTQ: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gptq",
    abstract:
      "GPTQ of the whole model (64 × 512 tokens) against llm-compressor: time and perplexity.",
    discussion: """
      ctpack's time is that of the whole process, from the checkpoint to the packed bundle (import and tokenizing included);
      llm-compressor's time is that of its `oneshot` alone, after loading.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "The ctpack program.") var ctpack = ".build/release/ctpack"
  @Option(help: "Calibration text, .jsonl.") var calibration = "Recipes/data/c4-train.jsonl"
  @Option(help: "Held-out text, .jsonl.") var heldOut = "Recipes/data/c4-validation.jsonl"
  @Option(help: "Bits per code.") var bits = 4
  @Option(help: "Weights per group.") var group = 64
  @Option(help: "The recipe's `drift`; the peer has no such correction.") var drift = "none"
  @Option(help: "Calibration windows.") var windows = 64
  @Option(help: "Tokens per calibration window.") var length = 512
  @Option(help: "Windows of 1024 tokens of held-out text.") var evaluated = 24

  func run() throws {
    let folder = NSTemporaryDirectory() + "/ctpack-benchmark-gptq-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let roofline = Roofline.measure(.float32)
    print(roofline.line)
    var (ours, theirs): ([Double], [Double]) = ([], [])
    var notes: [String] = []
    for run in 0..<common.runs {
      let build = WholeModelBuild(
        common: common, ctpack: ctpack, calibration: calibration, windows: windows, length: length,
        compression: "{bits: \(bits), group_size: \(group), drift: \(drift)}")
      let result = try build.run(in: folder + "/\(run)", heldOut: heldOut, evaluated: evaluated)
      ours.append(result.seconds)
      notes.append("perplexity \(figure(result.perplexity))")
      guard let peers = common.peers else { continue }
      let answer = try runToEnd(
        peers + "/llmcompressor/bin/python",
        [common.script("llmcompressor_gptq.py"), peers + "/hf", calibration, heldOut]
          + [bits, group, windows, length, evaluated].map(String.init))
      theirs.append(answer["seconds"]?.double ?? .nan)
      notes.append("llm-compressor's \(figure(answer["ppl"]?.double ?? .nan))")
    }
    var result = BenchmarkResult(
      name: "GPTQ \(bits)-bit, group \(group), \(windows) × \(length)", unit: "s", ours: ours,
      peer: common.peers.map { _ in ("llm-compressor", theirs) },
      goal: "4 times as fast, perplexity within 1 %")
    let work = try Work(ModelFile(path: common.model).model(.float32))
      .secondOrder(windows: windows, length: length)
    result.notes = [roofline.share(work, in: median(ours))] + notes
    print(result.line)
  }
}
