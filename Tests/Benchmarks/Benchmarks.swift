import ArgumentParser
import Bytes
import Foundation
import Numerics

/// The program `ctpack-benchmarks`, one command per benchmark. `Tests/Benchmarks/study.py measure
/// speed` runs the usual ones.
@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctpack-benchmarks",
    abstract:
      "Measures ctpack beside its peers: in turns, within one run, on the same weights and tokens.",
    discussion: """
      PEERS is a folder that Tests/Benchmarks/peers/setup filled: the Python environments, model.gguf and hf/.
      A ratio is the median over the runs of (peer's time / ours); both sides use two threads.
      """,
    subcommands: [
      Forward.self, PromptStep.self, GPTQ.self, SparseGPT.self, Runtime.self, PackedProduct.self,
      DecodeSpeed.self, LargeDecode.self, DecodeLoss.self,
      Inspect.self, CodedDecode.self, TransferCost.self, AdapterCost.self, BoundedMemory.self,
      LlamaShape.self, LargeStep.self, AutoPrompt.self, CompressTime.self,
    ])
}

/// What every benchmark takes.
struct CommonOptions: ParsableArguments {
  @Option(help: "The folder with the peers; without it only ctpack runs.")
  var peers: String?

  @Option(help: "The model: a bundle, a GGUF file or a Hugging Face folder.")
  var model: String

  @Option(help: "Counted runs of each side, after one that is not counted.")
  var runs = 5

  @Option(help: "Threads of ctpack; the peers are set to two.")
  var threads = 2

  /// The script `name` beside this file's package folder.
  func script(_ name: String) -> String { "Tests/Benchmarks/peers/\(name)" }

  func llamaCpp() throws -> PeerWorker? {
    try peers.map {
      try PeerWorker(
        python: $0 + "/transformers/bin/python", script: script("llamacpp_worker.py"),
        arguments: [$0 + "/model.gguf"])
    }
  }

  func worker(_ arithmetic: Arithmetic = .float32) throws -> PeerWorker? {
    try peers.map {
      try PeerWorker(
        python: $0 + "/transformers/bin/python", script: script("transformers_worker.py"),
        arguments: [$0 + "/hf", arithmetic.rawValue])
    }
  }
}

extension Arithmetic: ExpressibleByArgument {}
extension AttentionCache.Format: ExpressibleByArgument {}

/// (i · 7919) mod 49000: the same ids as in transformers_worker.py.
func tokens(_ count: Int) -> [Int32] { (0..<count).map { Int32($0 * 7919 % 49000) } }
