import ArgumentParser
import Builds
import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
import Pipeline

/// The command `ctpack bench`.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure the speed and memory of a model without and with prompts and adapters.",
    discussion: """
      Each case is a text of --tokens tokens computed at once (prefill), then --generate tokens one \
      by one (decode), without an adapter, with each adapter of the bundle, and with soft prompts of \
      the lengths --lengths. A length that no prompt of the bundle has is measured with virtual tokens \
      made for it, which cost the same as learned ones, and is marked `made`. A prompt is measured both \
      run through the model before each text, and from its keys and values if they are stored.

      All cases run once per round, in turns, after a round of warm-up; figures are medians over the \
      rounds, with quartiles in brackets. Times are comparable only between cases of one run, or runs \
      of the same protocol (bench-T-G: T tokens of text, G generated) on the same idle machine; the \
      page says so if other processes took cores meanwhile.

      first token: from the token ids to the first generated token. cache: keys and values when the \
      last token is generated. peak: the most memory that was resident in a round of the case, the \
      model's mapped file included.
      """)

  @Argument(help: "A bundle, a Hugging Face folder or a GGUF file.") var model: String
  @Option(help: "Tokens of the text.") var tokens = 256
  @Option(help: "Generated tokens after it.") var generate = 64
  @Option(help: "Measured rounds, after one of warm-up.") var repeats = 5
  @Option(
    help: ArgumentHelp(
      "Lengths of soft prompts to measure, in virtual tokens.", valueName: "n,n,…"))
  var lengths = PromptLengths(values: [0, 25, 50, 75, 100])
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "A prompt or adapter to measure; repeat for several (default: all of the bundle's).",
      valueName: "name"))
  var prompt: [String] = []
  @Option(help: "Precision of cached keys and values: float32, float16 or int8.")
  var cache = AttentionCache.Format.float16
  @Option(
    help: "Precision of matrix products: bfloat16 (if the processor supports it) or float32.")
  var arithmetic = Arithmetic.bfloat16
  @Flag(help: "Print the result as JSON, with every round's values.") var json = false
  @OptionGroup var verification: VerifyOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    for (name, value, range) in [
      ("--tokens", tokens, 1...1_000_000), ("--generate", generate, 1...1_000_000),
      ("--repeats", repeats, 1...1000),
    ] where !range.contains(value) {
      throw ValidationError("\(name) takes \(range.lowerBound) to \(range.upperBound)")
    }
  }

  func run() throws {
    threads.apply()
    let file = try ModelFile(path: model)
    verbosity.show(file.notes)
    try verification.check(file)
    let model = try file.model(arithmetic)
    var settings = SpeedSettings()
    (settings.textTokens, settings.generatedTokens) = (tokens, generate)
    (settings.repeats, settings.cache) = (repeats, cache)
    let cases = try cases(file, model)
    let meter = try SpeedMeter(cases, settings: settings)
    let start = ProcessorTime.now
    let results = try verbosity.progress.alone(
      "bench", unit: "run", unlessDone: "nothing was measured"
    ) { try meter.run(progress: $0) }
    let page = SpeedPage(
      path: self.model, weights: file.weightsDigest, settings: settings,
      arithmetic: model.arithmetic.available, machine: MeasuringMachine(since: start),
      results: results)
    if json { try Output.print(page.json) } else { try Output.print(page.lines) }
  }

  private func cases(_ file: ModelFile, _ model: LanguageModel) throws -> [SpeedCase] {
    guard case .bundle(let bundle) = file else {
      guard prompt.isEmpty else {
        throw Failure(.usage, file: file.path, at: "--prompt", "only bundles have prompts")
      }
      return try SpeedCase.all(
        model: model, bundle: nil, adapters: [], lengths: lengths.values)
    }
    let adapters =
      prompt.isEmpty
      ? try bundle.adapters : try prompt.map { try PromptOptions.named($0, in: bundle) }
    guard Set(adapters.map(\.name)).count == adapters.count else {
      throw Failure(.usage, at: "--prompt", "a prompt was given twice")
    }
    return try SpeedCase.all(
      model: model, bundle: bundle, adapters: adapters, lengths: lengths.values)
  }
}

/// Lengths of soft prompts, in tokens: `0,25,50`.
struct PromptLengths: ExpressibleByArgument, CustomStringConvertible {
  let values: [Int]

  init(values: [Int]) { self.values = values }

  /// nil unless all are from 0 to 100000.
  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Int($0) }
    guard values.count == parts.count, values.allSatisfy((0...100_000).contains) else {
      return nil
    }
    self.values = values
  }

  var description: String { values.map { String($0) }.joined(separator: ",") }
  var defaultValueDescription: String { description }
}

extension ModelFile {
  /// The digest of a bundle's weights; nil for a checkpoint.
  fileprivate var weightsDigest: SHA256Digest? {
    if case .bundle(let bundle) = self { bundle.weightsDigest } else { nil }
  }
}
