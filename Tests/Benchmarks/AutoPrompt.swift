import ArgumentParser
import Bytes
import Foundation
import Models
import Numerics
import Pipeline
import Routing

/// The benchmark `auto-prompt`: the cost of choosing among prompts in a prefill, relative to one given
/// prompt.
struct AutoPrompt: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prefill with a choice among prompts, relative to a prefill with one given prompt.",
    discussion: """
      Both start from known keys and values, as a bundle stores them, in turns within one run. The \
      ratio is the median over the runs of (time with the choice / time with one prompt). The ratio of \
      processor times is meaningful even if other programs are running.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "Precision of matrix products: float32 or bfloat16.") var arithmetic = Arithmetic
    .bfloat16
  @Option(help: "Tokens of the text.") var length = 1024
  @Option(help: "Prompts to choose among.") var prompts = 4
  @Option(help: "Tokens per prompt.") var promptTokens = 32
  @Option(help: "Rule for choosing: keys, loss or attention.") var route = RoutingRule.keys
  @Option(
    help:
      "Deciding tokens at the start of the text (default: that of `ctpack eval --route-tokens`).")
  var routeTokens: Int?

  func run() throws {
    BLAS.prepare()
    Parallel.threads = common.threads
    let model = try ModelFile(path: common.model).model(arithmetic)
    let text = tokens(length)
    // The cost doesn't depend on the prompts' values.
    let known = try (0..<prompts).map { index in
      let ids = (0..<promptTokens).map { Int32((index * 1013 + $0 * 31) % 49000) }
      return try KeyValues(of: model.embed(ids), in: model)
    }
    let prefixes = try PromptPrefixes(known.map { .keyValues($0) }, in: model)
    var made: PromptRouter?
    let once = try elapsed {
      made = try PromptRouter(prefixes, rule: route, deciding: routeTokens)
    }
    guard let router = made else { throw Failure(.internalError, "no router") }
    let capacity = promptTokens + length + 1
    var kept = 0
    func single() throws -> Cost {
      try Cost.of {
        let decoder = try TextDecoder(model, capacity: capacity)
        _ = try decoder.begin(text, prompt: .keyValues(known[kept]))
      }
    }
    func auto() throws -> Cost {
      try Cost.of {
        let decoder = try TextDecoder(model, capacity: capacity)
        _ = try decoder.begin(text, chooser: router)
        kept = decoder.choices[0]?.index ?? 0
      }
    }
    var (one, chosen): ([Cost], [Cost]) = ([], [])
    for run in 0...common.runs {
      // The two take turns at running first.
      let first = run % 2 == 0 ? try single() : try auto()
      let second = run % 2 == 0 ? try auto() : try single()
      guard run > 0 else { continue }
      one.append(run % 2 == 0 ? first : second)
      chosen.append(run % 2 == 0 ? second : first)
    }
    func ratio(_ part: KeyPath<Cost, Double>) -> String {
      let value = median(zip(chosen, one).map { $0[keyPath: part] / $1[keyPath: part] })
      return String(format: "%.3f", value)
    }
    var result = BenchmarkResult(
      name:
        "prefill of \(length), the prompt chosen of \(prompts) × \(promptTokens) by \(route)"
        + ", \(arithmetic)",
      unit: "s", ours: chosen.map(\.seconds), peer: nil,
      goal: "within 3 % of one prompt")
    result.notes = [
      "one prompt \(figure(median(one.map(\.seconds)))) s", "ratio \(ratio(\.seconds))",
      "of processor time \(ratio(\.processorSeconds))",
      "once per bundle \(figure(1000 * once)) ms",
    ]
    print(result.line)
  }
}

/// The wall-clock time of `body` in seconds; another name because `Cost` has a member `seconds`.
private func elapsed(_ body: () throws -> Void) rethrows -> Double { try seconds(body) }

/// Wall-clock time and processor time in seconds; other programs lengthen only the former.
private struct Cost {
  let seconds: Double
  let processorSeconds: Double

  static func of(_ body: () throws -> Void) rethrows -> Cost {
    let before = processor()
    let wall = try elapsed(body)
    return Cost(seconds: wall, processorSeconds: processor() - before)
  }

  private static func processor() -> Double {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }
}

extension RoutingRule: ExpressibleByArgument {}
