import ArgumentParser
import Bytes
import Evaluation
import Foundation
import Models
import Numerics
import Pipeline
import Text

/// The benchmark `runtime`: inference with a packed bundle against llama.cpp on its own 4-bit file of the
/// same model.
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
    let peer = try common.llamaCpp()
    print(Roofline.measure().line)
    try prefill(model, peer)
    try decode(model, peer)
    try perplexity(model, file.tokenizer(), peer)
  }

  private func prefill(_ model: LanguageModel, _ peer: PeerWorker?) throws {
    let ids = tokens(length)
    try compare(
      "prefill \(length)", peer, "prefill \(length)", goal: "3 times as fast", per: Double(length)
    ) {
      let decoder = try TextDecoder(model, capacity: length, format: cache)
      return try seconds { _ = try decoder.begin(ids) }
    }
  }

  private func decode(_ model: LanguageModel, _ peer: PeerWorker?) throws {
    try compare(
      "decode \(count) after \(past)", peer, "decode \(past) \(count)",
      goal: "1.3 times as fast", per: Double(count)
    ) {
      let decoder = try TextDecoder(model, capacity: past + count, format: cache)
      var token = Sampler.mostLikely(try decoder.begin(tokens(past)))
      var time = 0.0
      for _ in 0..<count {
        var logits: [Float] = []
        time += try seconds { logits = try decoder.step([token], texts: [0]).values }
        token = Sampler.mostLikely(logits)
      }
      return time
    }
  }

  private func perplexity(
    _ model: LanguageModel, _ tokenizer: Tokenizer, _ peer: PeerWorker?
  ) throws {
    let ids = tokenizer.encode(try Corpus.load(path: text).text)
    let rule = try PerplexityProtocol(id: "llamacpp-512")
    var value = 0.0
    let theirs = try compare(
      "perplexity, \(windows) × 512", peer, "perplexity \(text) 512 \(windows)",
      goal: "3 times as fast", per: Double(windows * 512)
    ) {
      try seconds {
        var meter = try PerplexityMeter(
          model, ids: ids, rule: rule, limit: windows, bos: tokenizer.forcedBOS)
        value = try meter.run().value
      }
    }
    print(
      "  perplexity \(figure(value))" + (theirs.map { ", llama.cpp's \(figure(exp($0)))" } ?? ""))
  }

  /// Runs both sides in turns, prints seconds and tokens per second, and returns the peer's last loss.
  @discardableResult private func compare(
    _ name: String, _ peer: PeerWorker?, _ command: String, goal: String, per tokens: Double,
    _ body: () throws -> Double
  ) throws -> Double? {
    var (ours, theirs): ([Double], [Double]) = ([], [])
    var loss: Double?
    for run in 0...common.runs {
      let time = try body()
      let answer = try peer?.run(command)
      guard run > 0 else { continue }
      ours.append(time)
      if let answer {
        theirs.append(answer.seconds)
        loss = answer.loss
      }
    }
    var result = BenchmarkResult(
      name: name, unit: "s", ours: ours, peer: peer.map { _ in ("llama.cpp", theirs) }, goal: goal)
    result.notes = ["\(figure(tokens / median(ours))) tokens/s"]
    if peer != nil { result.notes.append("llama.cpp \(figure(tokens / median(theirs))) tokens/s") }
    print(result.line)
    return loss
  }
}
