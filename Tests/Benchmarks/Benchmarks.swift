import ArgumentParser
import Bytes
import Foundation
import Numerics

/// The program `ctpack-benchmarks`, with one command per benchmark. `Tests/Benchmarks/study.py measure
/// speed` runs all but the long ones.
@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctpack-benchmarks",
    abstract:
      "Measure ctpack and its peers in turns within one run, on the same weights and tokens.",
    discussion: """
      PEERS is a folder made by Tests/Benchmarks/peers/setup: Python environments, model.gguf and hf/.
      A ratio is the median over the runs of (peer's time / ctpack's time). Both sides use two threads.
      """,
    subcommands: [
      Forward.self, PromptStep.self, GPTQ.self, SparseGPT.self, Runtime.self, PackedProduct.self,
      DecodeSpeed.self, LargeDecode.self, DecodeLoss.self,
      Inspect.self, CodedDecode.self, TransferCost.self, AdapterCost.self, BoundedMemory.self,
      LlamaShape.self, LargeStep.self, AutoPrompt.self, CompressTime.self, SharedMachine.self,
    ])
}

/// Options that benchmarks share.
struct CommonOptions: ParsableArguments {
  @Option(help: "The folder with the peers; without it, only ctpack is measured.")
  var peers: String?

  @Option(help: "The model: a bundle, a GGUF file or a Hugging Face folder.")
  var model: String

  @Option(help: "Measured runs of each side, after a warm-up run.")
  var runs = 5

  @Option(help: "Threads of ctpack; peers use two.")
  var threads = 2

  /// The path of a peer's script, relative to the repository's root.
  func script(_ name: String) -> String { "Tests/Benchmarks/peers/\(name)" }

  /// llama.cpp processes, one per type of 4-bit weights: Q4_1, the checkpoint's own, and Q4_0, which
  /// llama.cpp repacks for the processor. Empty without peers.
  func llamaCpp() throws -> [(name: String, worker: PeerWorker)] {
    guard let peers else { return [] }
    return try [("Q4_1", "model.gguf"), ("Q4_0", "model-q4_0.gguf")].map { type, file in
      let worker = try PeerWorker(
        python: peers + "/transformers/bin/python", script: script("llamacpp_worker.py"),
        arguments: [peers + "/" + file])
      return ("llama.cpp \(type)", worker)
    }
  }

  /// A transformers process in a given precision; nil without peers.
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

/// Token ids (i · 7919) mod 49000, as in transformers_worker.py.
func tokens(_ count: Int) -> [Int32] { (0..<count).map { Int32($0 * 7919 % 49000) } }
