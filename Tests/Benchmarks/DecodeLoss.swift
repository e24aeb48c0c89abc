import ArgumentParser
import Evaluation
import Foundation
import Models
import Numerics
import Pipeline
import Text

/// The benchmark `decode-loss`: perplexity with the arithmetic of decoding, token by token, relative to whole
/// windows.
struct DecodeLoss: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode-loss",
    abstract:
      "Perplexity of a bundle decoded token by token, relative to whole windows in float32 and bfloat16.",
    discussion:
      "Decoding rounds inputs to 16 bits and multiplies codes without dequantizing them; this measures the loss of accuracy."
  )

  @Option(help: "The bundle.") var model: String
  @Option(help: "The text.") var text = "Recipes/data/wikitext-2-test.raw"
  @Option(help: "Windows of the text.") var windows = 4
  @Option(help: "Tokens per window.") var length = 512
  @Option(help: "Precision of cached keys and values.") var cache = AttentionCache.Format.float32

  func run() throws {
    BLAS.prepare()
    let file = try ModelFile(path: model)
    let ids = try file.tokenizer().encode(try Corpus.load(path: text).text)
    let rule = try PerplexityProtocol(.ctp, length: length)
    let wholes = try [Arithmetic.float32, .bfloat16].map { arithmetic in
      var meter = try PerplexityMeter(
        file.model(arithmetic), ids: ids, rule: rule, limit: windows)
      while !meter.isDone { try meter.step() }
      return meter.state.runningPerplexity
    }
    let decoded = try tokenByToken(file.model(.bfloat16), ids, rule)
    print(
      "float32 \(wholes[0]), bfloat16 \(wholes[1]) (\(percent(wholes[1], wholes[0]))), "
        + "decoded \(decoded) (\(percent(decoded, wholes[0]))): "
        + "\(windows) windows of \(length) tokens of \(text)")
  }

  private func percent(_ a: Double, _ b: Double) -> String {
    String(format: "%+.3f %%", 100 * (a / b - 1))
  }

  private func tokenByToken(
    _ model: LanguageModel, _ ids: [Int32], _ rule: PerplexityProtocol
  ) throws -> Double {
    var (sum, count) = (0.0, 0)
    for i in 0..<windows {
      let tokens = rule.window(i, of: ids, bos: nil)
      let decoder = try TextDecoder(model, capacity: length, format: cache)
      var logits = try decoder.begin([tokens[0]])
      for token in tokens.dropFirst() {
        sum += loss(logits, token)
        count += 1
        logits = try decoder.step([token], texts: [0]).values
      }
    }
    return exp(sum / Double(count))
  }

  private func loss(_ logits: [Float], _ token: Int32) -> Double {
    let highest = Double(logits.max() ?? 0)
    let sum = logits.reduce(0) { $0 + exp(Double($1) - highest) }
    return log(sum) + highest - Double(logits[Int(token)])
  }
}
