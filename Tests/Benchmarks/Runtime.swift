import ArgumentParser
import Bytes
import Evaluation
import Foundation
import Models
import Numerics
import Pipeline
import Text

/// The benchmark `runtime`: inference with a packed bundle against llama.cpp on 4-bit files of the same
/// model. The peer of a line is the type that was fastest at its work; the others are notes.
struct Runtime: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prefill, decode and perplexity of a packed bundle against llama.cpp.")

  @OptionGroup var common: CommonOptions
  @Option(help: "Prefilled tokens.") var length = 1024
  @Option(help: "Tokens before the generated ones.") var past = 16
  @Option(help: "Generated tokens.") var count = 100
  @Option(help: "Precision of cached keys and values; the peer's is float16.")
  var cache = AttentionCache.Format.float16
  @Option(help: "The text for the perplexity.") var text = "Recipes/data/wikitext-2-test.raw"
  @Option(help: "Windows of 512 tokens for the perplexity.") var windows = 12

  func run() throws {
    BLAS.prepare()
    Parallel.threads = common.threads
    let file = try ModelFile(path: common.model)
    let model = try file.model(.bfloat16)
    let peers = try common.llamaCpp()
    let roofline = Roofline.measure()
    print(roofline.line)
    try prefill(model, peers, roofline)
    try decode(model, peers, roofline)
    try perplexity(model, file.tokenizer(), peers, roofline)
  }

  private typealias Peers = [(name: String, worker: PeerWorker)]

  private func prefill(_ model: LanguageModel, _ peers: Peers, _ roofline: Roofline) throws {
    let ids = tokens(length)
    let work = Work(model).forward(length: length, scored: 1)
    try compare(
      "prefill \(length)", peers, "prefill \(length)", goal: "3 times as fast",
      per: Double(length), share: { roofline.share(work, in: $0) },
      run: {
        let decoder = try TextDecoder(model, capacity: length, format: cache)
        return try seconds { _ = try decoder.begin(ids) }
      })
  }

  private func decode(_ model: LanguageModel, _ peers: Peers, _ roofline: Roofline) throws {
    // Every token reads the whole file, a tied embedding as the output head.
    let bytes = Double(try MappedFile(path: common.model).bytes.count) * Double(count)
    try compare(
      "decode \(count) after \(past)", peers, "decode \(past) \(count)",
      goal: "1.3 times as fast", per: Double(count),
      share: { roofline.share(bytes: bytes, in: $0) },
      run: {
        let decoder = try TextDecoder(model, capacity: past + count, format: cache)
        var token = try Sampler.mostLikely(decoder.begin(tokens(past)))
        var time = 0.0
        for _ in 0..<count {
          var logits: [Float] = []
          time += try seconds { logits = try decoder.step([token], texts: [0]).values }
          token = try Sampler.mostLikely(logits)
        }
        return time
      })
  }

  private func perplexity(
    _ model: LanguageModel, _ tokenizer: Tokenizer, _ peers: Peers, _ roofline: Roofline
  ) throws {
    let ids = tokenizer.encode(try Corpus.load(path: text).text)
    let rule = try PerplexityProtocol(id: "llamacpp-512")
    var value = 0.0
    let work = Work(model).forward(sequences: windows, length: 512, scored: 256)
    try compare(
      "perplexity, \(windows) × 512", peers, "perplexity \(text) 512 \(windows)",
      goal: "3 times as fast", per: Double(windows * 512),
      share: { roofline.share(work, in: $0) },
      run: {
        try seconds {
          var meter = try PerplexityMeter(
            model, ids: ids, rule: rule, limit: windows, bos: tokenizer.forcedBOS)
          value = try meter.run().value
        }
      })
    print("  perplexity \(figure(value))")
  }

  /// Runs all sides in turns, and prints seconds, tokens per second, the share of the machine's peak, and
  /// the peers' perplexities if they have any.
  private func compare(
    _ name: String, _ peers: Peers, _ command: String, goal: String, per tokens: Double,
    share: (Double) -> String, run body: () throws -> Double
  ) throws {
    var ours: [Double] = []
    var theirs = peers.map { (name: $0.name, times: [Double](), loss: 0.0) }
    for run in 0...common.runs {
      let time = try body()
      for (i, peer) in peers.enumerated() {
        let answer = try peer.worker.run(command)
        guard run > 0 else { continue }
        theirs[i].times.append(answer.seconds)
        theirs[i].loss = answer.loss
      }
      if run > 0 { ours.append(time) }
    }
    func rate(_ times: [Double]) -> String { "\(figure(tokens / median(times))) tokens/s" }
    let fastest = theirs.min { median($0.times) < median($1.times) }
    var result = BenchmarkResult(
      name: name, unit: "s", ours: ours, peer: fastest.map { ($0.name, $0.times) }, goal: goal)
    result.notes = [rate(ours), share(median(ours))]
    result.notes += theirs.map {
      "\($0.name) \(rate($0.times))" + ($0.loss > 0 ? ", perplexity \(figure(exp($0.loss)))" : "")
    }
    print(result.line)
  }
}
