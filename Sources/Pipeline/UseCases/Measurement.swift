import Builds
import Bytes
import Evaluation
import Models
import Numerics
import Routing
import Text

/// Perplexity measurements outside a build: with a progress display, interruptible, and not saved.
package struct Measurement {
  let model: LanguageModel
  package let tokenizer: Tokenizer
  let progress: BuildProgress

  /// Makes measurements of `model`, shown on `progress`.
  package init(model: LanguageModel, tokenizer: Tokenizer, progress: BuildProgress) {
    self.model = model
    self.tokenizer = tokenizer
    self.progress = progress
  }

  /// Measures the perplexity of a text, optionally with a prompt before each window.
  ///
  /// - Throws: `usage` if the text is shorter than a window; `interrupted` between two windows.
  package func perplexity(
    _ text: String, rule: PerplexityProtocol, windows: Int? = nil,
    prompt: (name: String, adapter: Adapter)? = nil, label: String
  ) throws -> Perplexity {
    try run(meter(text, rule: rule, windows: windows, prompt: prompt), label: label)
  }

  /// A measurement of a text's perplexity that hasn't begun, optionally with a prompt before each
  /// window.
  ///
  /// - Throws: `usage` if the text is shorter than a window.
  package func meter(
    _ text: String, rule: PerplexityProtocol, windows: Int? = nil,
    prompt: (name: String, adapter: Adapter)? = nil
  ) throws(Failure) -> PerplexityMeter {
    try PerplexityMeter(
      model, ids: tokenizer.encode(text), rule: rule, limit: windows, bos: tokenizer.forcedBOS,
      prompt: prompt)
  }

  /// A measurement that hasn't begun, with a prompt that `router` chooses for each window.
  ///
  /// - Parameter names: the names of the prompts to choose from, in the router's order.
  /// - Throws: `usage` if the text is shorter than a window.
  package func meter(
    _ text: String, rule: PerplexityProtocol, windows: Int? = nil, choosing names: [String],
    by router: PromptRouter
  ) throws(Failure) -> PerplexityMeter {
    try PerplexityMeter(
      model, ids: tokenizer.encode(text), rule: rule, limit: windows, bos: tokenizer.forcedBOS,
      choosing: names, by: router)
  }

  /// Scores a text's windows with every prompt and adds the results to `comparison`.
  package func compare(
    _ text: String, named name: String, digest: SHA256Digest, windows: Int? = nil,
    into comparison: inout PromptComparison
  ) throws {
    try progress.alone(name, unit: "pass", unlessDone: Self.unlessDone) { progress in
      try progress.report(0, of: 0)
      try comparison.measure(
        tokenizer.encode(text), name: name, digest: digest, limit: windows,
        bos: tokenizer.forcedBOS, progress: progress)
    }
  }

  static let unlessDone = "nothing was measured"

  /// Runs a measurement to its end.
  ///
  /// - Throws: `interrupted` between two windows.
  package func run(_ start: PerplexityMeter, label: String) throws -> Perplexity {
    var meter = start
    return try progress.alone(label, unit: "window", unlessDone: Self.unlessDone) { progress in
      try progress.report(meter.state.windows, of: meter.windows)
      return try meter.run(progress: progress) { state in
        "ppl \(Figure.short(state.runningPerplexity))"
      }
    }
  }
}

extension Tokenizer {
  /// The ID of the token that this tokenizer puts before every text; nil for most tokenizers.
  package var forcedBOS: Int32? {
    guard let bosToken, encode("", addSpecialTokens: true).first == bosToken else { return nil }
    return bosToken
  }
}

extension PerplexityProtocol {
  /// Makes the protocol `id`, with windows of `length` tokens instead of its own if given.
  package init(id: String, length: Int?) throws(Failure) {
    let rule = try PerplexityProtocol(id: id)
    guard let length else {
      self = rule
      return
    }
    self = try PerplexityProtocol(rule.family, length: length)
  }
}
