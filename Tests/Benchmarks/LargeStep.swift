import ArgumentParser
import BundleFormat
import Bytes
import Foundation
import Models
import Numerics
import Pipeline

/// A step of prompt learning on a model that is large for its machine.
struct LargeStep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "A prompt step of 1 × 512 + 100 on a 7B-shaped 4-bit bundle: time and memory.")

  @Option(help: "Blocks (LLaMA-7B has 32).") var layers = 32
  @Option(help: "Tokens of the sequence.") var length = 512
  @Option(help: "Prompt tokens.") var prompt = 100
  @Option(help: "Memory for activations that are kept; others are computed again.")
  var keep = "1GiB"
  @Option(help: "Counted steps.") var runs = 2
  @Option(help: "Threads.") var threads = 2
  @Option(help: "A folder for the bundle (about 4 GB).")
  var scratch: String = NSTemporaryDirectory()

  func run() throws {
    Parallel.threads = threads
    guard let bytes = ByteAmount.parse(keep) else {
      throw ValidationError("--keep takes an amount like 1GiB")
    }
    let path = scratch + "/ctpack-benchmark-step.ctpack"
    try SyntheticModel.write(to: path, layers: layers, bits: 4, sparsity: .none)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try LanguageModel(bundle: ModelBundle(path: path), arithmetic: .bfloat16)
    let budget = MemoryBudget(bytes: bytes)
    let objective = PromptObjective(model, budget: budget)
    let ids = (0..<length).map { Int32(($0 * 7919) % model.configuration.vocabularySize) }
    let vectors = try model.embed((0..<prompt).map { Int32($0 + 100) })
    var times: [Double] = []
    for run in 0...runs {
      let time = try seconds {
        _ = try objective.gradient(sequences: [ids], prompt: vectors)
      }
      if run > 0 { times.append(time) }
    }
    let estimate = PromptObjective.byteCount(
      model.configuration, prompt: prompt, sequences: 1, length: length, budget: budget)
    var result = BenchmarkResult(
      name: "prompt step 1 × \(length) + \(prompt), 7B-shaped, \(layers) blocks, 4-bit", unit: "s",
      ours: times, peer: nil, goal: "8 GiB at most")
    let peak = Double(ProcessUsage.peakMemory) / Double(1 << 30)
    result.notes = [
      "\(figure(peak)) GiB at the peak, mapped weights included",
      "estimated \(figure(Double(estimate) / Double(1 << 30))) GiB beside the weights",
    ]
    print(result.line)
  }
}
