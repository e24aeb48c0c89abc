import ArgumentParser
import BundleFormat
import Bytes
import Foundation
import Models
import Numerics
import Pipeline

/// The benchmark `large-step`: one update of prompt learning on a model that is large for the machine.
struct LargeStep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "An update of prompt learning, 1 × 512 tokens + 100 of the prompt, on a 7B-shaped 4-bit bundle: time and memory."
  )

  @Option(help: "Blocks (LLaMA-7B has 32).") var layers = 32
  @Option(help: "Tokens of the sequence.") var length = 512
  @Option(help: "Prompt tokens.") var prompt = 100
  @Option(help: "Memory for kept activations; the others are recomputed.")
  var keep = "1GiB"
  @Option(help: "Measured steps.") var runs = 2
  @Option(help: "Threads.") var threads = 2
  @Option(help: "Folder for the bundle (about 4 GB).")
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
