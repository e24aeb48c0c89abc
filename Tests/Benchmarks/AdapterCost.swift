import ArgumentParser
import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
import Pipeline

/// The benchmark `adapters`: the inference cost of a bundle's prompts and adapters. The model runs without
/// and with each, in turns.
struct AdapterCost: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapters",
    abstract: "Prefill and decode with each prompt and adapter of a bundle, relative to none.")

  @Option(help: "The bundle.") var model: String
  @Option(help: "Prefilled tokens.") var length = 1024
  @Option(help: "Tokens before the generated ones.") var past = 16
  @Option(help: "Generated tokens.") var count = 100
  @Option(help: "Measured runs of each, after a warm-up run.") var runs = 5
  @Option(help: "Threads.") var threads = 2
  @Flag(help: "Print all values as JSON.") var json = false

  /// The model with one adapter, or with none.
  private struct Case {
    let name: String
    let label: String
    let parameters: Int
    let model: LanguageModel
    let start: PromptStart
    /// Seconds of a prefill, one per run.
    var prefill: [Double] = []
    /// Seconds per token, one per run.
    var decode: [Double] = []
  }

  func run() throws {
    BLAS.prepare()
    Parallel.threads = threads
    var cases = try self.cases()
    for run in 0...runs {
      for index in cases.indices {
        let (prefill, decode) = try (seconds(prefilling: cases[index]), step(cases[index]))
        guard run > 0 else { continue }
        cases[index].prefill.append(prefill)
        cases[index].decode.append(decode)
      }
    }
    if json { return print(JSON.array(cases.map(Self.record)).prettyText) }
    for one in cases {
      for (work, values, plain) in [
        ("prefill \(length)", one.prefill, cases[0].prefill),
        ("decode, per token", one.decode, cases[0].decode),
      ] {
        let milliseconds = values.map { 1000 * $0 }
        let more = median(zip(values, plain).map { $0 / $1 }) - 1
        print(
          BenchmarkResult(
            name: "\(work), \(one.name)", unit: "ms", ours: milliseconds, peer: nil,
            goal: "as without", notes: ["\(figure(100 * more)) % more than without", one.label]
          ).line)
      }
    }
  }

  /// The model without an adapter, then with each of the bundle's. Adapters with stored keys and values are
  /// measured both from these and by running the prompt through the model.
  private func cases() throws -> [Case] {
    let file = try ModelFile(path: model)
    let model = try file.model(.bfloat16)
    var cases = [
      Case(name: "none", label: "no parameters", parameters: 0, model: model, start: .none)
    ]
    guard case .bundle(let bundle) = file else { return cases }
    for prompt in try bundle.adapters {
      let forms = try SpeedCase.with(prompt, of: bundle, model: model)
      for form in forms.reversed() {
        let note = forms.count > 1 && form.form == .run ? ", run through" : ""
        cases.append(
          Case(
            name: form.name + note, label: form.label, parameters: form.parameters,
            model: form.model, start: form.start))
      }
    }
    return cases
  }

  private func seconds(prefilling one: Case) throws -> Double {
    let decoder = try TextDecoder(one.model, capacity: length + one.start.count)
    let ids = tokens(length)
    return try ctpack_benchmarks.seconds { _ = try decoder.begin(ids, prompt: one.start) }
  }

  /// Mean seconds per generated token.
  private func step(_ one: Case) throws -> Double {
    let decoder = try TextDecoder(one.model, capacity: past + count + one.start.count)
    var token = try Sampler.mostLikely(decoder.begin(tokens(past), prompt: one.start))
    return try ctpack_benchmarks.seconds {
      for _ in 0..<count {
        token = try Sampler.mostLikely(decoder.step([token], texts: [0]).values)
      }
    } / Double(count)
  }

  private static func record(_ one: Case) -> JSON {
    [
      "name": .string(one.name), "label": .string(one.label), "parameters": JSON(one.parameters),
      "prefill_seconds": .array(one.prefill.map { .number($0) }),
      "decode_seconds": .array(one.decode.map { .number($0) }),
    ]
  }
}
