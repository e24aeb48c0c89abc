import ArgumentParser
import BundleFormat
import Bytes
import Foundation
import Models
import Numerics

/// The benchmark `large-decode`: decoding with bundles that are larger than the processor's caches.
struct LargeDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Opening and decoding with 7B-shaped bundles, dense 4-bit, 50 % and 2:4 sparse, relative to the memory bandwidth."
  )

  @Option(help: "Blocks (LLaMA-7B has 32).") var layers = 32
  @Option(help: "Tokens per run.") var count = 6
  @Option(help: "Measured runs.") var runs = 5
  @Option(help: "Threads.") var threads = 2
  @Option(help: "Sparsity: none, half or twoOfFour; repeat for several (default: all).")
  var sparsity: [RandomCodes.Sparsity] = []
  @Option(help: "Folder for the bundles (about 10 GB with 32 blocks).")
  var scratch: String = NSTemporaryDirectory()

  func run() throws {
    Parallel.threads = threads
    let roofline = Roofline.measure()
    print(roofline.line)
    let kinds = sparsity.isEmpty ? RandomCodes.Sparsity.allCases : sparsity
    var bundles: [Contender] = []
    defer { for bundle in bundles { try? FileManager.default.removeItem(atPath: bundle.path) } }
    for kind in kinds {
      let path = scratch + "/ctpack-benchmark-decode-\(kind).ctpack"
      try SyntheticModel.write(to: path, layers: layers, bits: 4, sparsity: kind)
      bundles.append(try Contender(kind, path, capacity: (runs + 2) * count + 8))
    }
    // In turns, because the memory bandwidth changes within seconds.
    let memory = MemoryReader()
    for run in 0...runs {
      for i in bundles.indices {
        try bundles[i].decode(count, memory, counted: run > 0)
      }
    }
    for bundle in bundles {
      print(bundle.measurement.line)
      if let dense = bundles.first(where: { $0.sparsity == .none }), bundle.sparsity != .none {
        let ratios = zip(dense.times, bundle.times).map { $0 / $1 }
        print(
          "  \(figure(median(ratios))) times as fast as dense 4-bit in the same turn "
            + "(\(figure(ratios.min() ?? .nan)) to \(figure(ratios.max() ?? .nan))); goal: 1.2")
      }
    }
  }

  /// One of the bundles, opened, with its measurements.
  private struct Contender {
    let sparsity: RandomCodes.Sparsity
    let path: String
    let decoder: TextDecoder
    /// Seconds to open the bundle.
    let opening: Double
    /// Seconds to the first token.
    let first: Double
    var position: Int32 = 0
    /// Seconds per token, one per turn.
    var times: [Double] = []
    /// Memory bandwidth in bytes per second, one per turn: the best of four readings, two before and two
    /// after the turn's tokens.
    var bandwidths: [Double] = []

    init(_ sparsity: RandomCodes.Sparsity, _ path: String, capacity: Int) throws {
      (self.sparsity, self.path) = (sparsity, path)
      var opened: TextDecoder?
      opening = try seconds {
        let model = try LanguageModel(bundle: ModelBundle(path: path), arithmetic: .bfloat16)
        opened = try TextDecoder(model, capacity: capacity)
      }
      guard let opened else { throw Failure(.internalError, "no decoder") }
      decoder = opened
      first = try seconds { _ = try opened.begin([1, 2, 3, 4]) }
    }

    /// Decodes `count` tokens, and reads the memory bandwidth before and after them.
    mutating func decode(_ count: Int, _ memory: MemoryReader, counted: Bool) throws {
      var bandwidth = max(memory.bandwidth(), memory.bandwidth())
      let time = try seconds {
        for _ in 0..<count {
          _ = try decoder.step([position], texts: [0])
          position += 1
        }
      }
      bandwidth = max(bandwidth, memory.bandwidth(), memory.bandwidth())
      guard counted else { return }
      times.append(time / Double(count))
      bandwidths.append(bandwidth)
    }

    /// The bytes of weights read per second, as a share of the memory bandwidth.
    var measurement: BenchmarkResult {
      let size = Double((try? MappedFile(path: path).bytes.count) ?? 0)
      // Each token reads every byte except those of the embedding.
      let bytes = size - Double(2 * 32000 * 4096)
      return BenchmarkResult(
        name: "decode, 7B-shaped, 4-bit \(sparsity), \(figure(size / 1e9)) GB",
        unit: "% of the bandwidth", ours: zip(times, bandwidths).map { 100 * bytes / $0 / $1 },
        peer: nil, goal: "80 % (dense)",
        notes: [
          "\(figure(1 / median(times))) tokens/s, memory \(figure(median(bandwidths) / 1e9)) GB/s",
          "opened in \(figure(opening * 1000)) ms",
          "first token after another \(figure(first)) s",
        ])
    }
  }
}

extension RandomCodes.Sparsity: ExpressibleByArgument {}
