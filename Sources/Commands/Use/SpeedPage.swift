import Bytes
import Evaluation
import Numerics

/// The result of `ctpack bench`, as a page and as JSON.
struct SpeedPage {
  let path: String
  /// The digest of the bundle's weights; nil for a checkpoint.
  let weights: SHA256Digest?
  let settings: SpeedSettings
  let arithmetic: Arithmetic
  let machine: MeasuringMachine
  /// One result per case; the first is that without an adapter.
  let results: [SpeedResult]

  var lines: [String] {
    var rows = [
      [
        "adapter", "tokens", "its rows", "prefill tokens/s", "first token ms", "× none",
        "decode tokens/s", "× none", "cache", "peak",
      ]
    ]
    for result in results {
      let subject = result.subject
      rows.append([
        subject.kind == "none" || subject.isMade
          ? subject.name : "\(subject.name) (\(subject.kind))",
        String(subject.tokens), Self.words(subject),
        Self.cell(result.prefill.map { Double(settings.textTokens) / $0 }),
        Self.cell(result.firstToken.map { 1000 * $0 }),
        Figure.fixed(result.firstToken.ratios(to: results[0].firstToken).median, 2),
        Self.cell(result.decode.map { 1 / $0 }),
        Figure.fixed(result.decode.ratios(to: results[0].decode).median, 2),
        Figure.bytes(result.cacheBytes), result.peakResident.map(Figure.bytes) ?? "-",
      ])
    }
    return [
      "\(path): \(settings.protocolID), medians of \(settings.repeats) rounds [quartiles], all cases in turns",
      "  \(machineLine)",
      "  products in \(arithmetic), cache in \(settings.cache)",
    ]
      + Output.table(rows, right: [1, 3, 4, 5, 6, 7, 8, 9])
      + notes
  }

  /// Explanations of what the table shows, and the warning about other processes.
  private var notes: [String] {
    var notes = [
      "  \(settings.protocolID): \(settings.textTokens) tokens of text computed at once, then "
        + "\(settings.generatedTokens) one by one. × none: time relative to that without an adapter, round by round."
    ]
    if results.contains(where: { $0.subject.isMade }) {
      notes.append(
        "  made: virtual tokens made for this measurement, because no prompt of the bundle has the length; "
          + "they cost the same as learned ones.")
    }
    if let warning = machine.warning { notes.append("  WARNING: \(warning).") }
    return notes
  }

  private var machineLine: String {
    let load = machine.loadAverage.map { ", load average \(Figure.fixed($0[0], 2))" } ?? ""
    let others =
      machine.otherCores.map { ", other processes \(Figure.fixed($0, 2)) cores" } ?? ""
    return "\(machine.processor ?? "processor unknown"), \(machine.cores) cores, "
      + "\(machine.threads) threads, \(machine.kernels)\(load)\(others)"
  }

  /// The source of the adapter's positions, in words.
  private static func words(_ subject: SpeedCase) -> String {
    let form =
      switch subject.form {
      case .none: "-"
      case .run: "run through the model"
      case .keyValues: subject.kind == "prefix" ? "keys and values" : "stored keys and values"
      case .weights: "beside the weights"
      }
    return subject.isMade ? "made, " + form.replacing("stored ", with: "") : form
  }

  /// The median with its quartiles: `213 [209, 221]`.
  private static func cell(_ spread: Spread) -> String {
    func figure(_ value: Double) -> String { Figure.fixed(value, value < 100 ? 1 : 0) }
    return
      "\(figure(spread.median)) [\(figure(spread.lowerQuartile)), \(figure(spread.upperQuartile))]"
  }
}

extension SpeedPage {
  var json: JSON {
    [
      "model": .string(PathNames.last(path)),
      "weights_digest": weights.map { .string($0.hex) } ?? .null,
      "protocol": .string(settings.protocolID), "text_tokens": JSON(settings.textTokens),
      "generated_tokens": JSON(settings.generatedTokens), "repeats": JSON(settings.repeats),
      "order": "all cases once per round, every second round reversed, after a round of warm-up",
      "arithmetic": .string(arithmetic.rawValue), "cache": .string(settings.cache.rawValue),
      "threads": JSON(machine.threads), "machine": machineJSON,
      "cases": .array(results.map(json)),
    ]
  }

  private var machineJSON: JSON {
    [
      "processor": machine.processor.map { .string($0) } ?? .null, "cores": JSON(machine.cores),
      "kernels": .string(machine.kernels), "memory_bytes": JSON(machine.memory),
      "load_average": machine.loadAverage.map { .array($0.map { .number($0) }) } ?? .null,
      "other_processes_cores": machine.otherCores.map { .number($0) } ?? .null,
      "warning": machine.warning.map { .string($0) } ?? .null,
    ]
  }

  private func json(_ result: SpeedResult) -> JSON {
    let (subject, plain) = (result.subject, results[0])
    return [
      "name": .string(subject.name), "kind": .string(subject.kind),
      "form": .string(subject.form.rawValue), "made": .bool(subject.isMade),
      "tokens": JSON(subject.tokens), "parameters": JSON(subject.parameters),
      "label": .string(subject.label),
      "prefill_seconds": result.prefill.json, "first_token_seconds": result.firstToken.json,
      "decode_seconds_per_token": result.decode.json,
      "prefill_tokens_per_second": .number(Double(settings.textTokens) / result.prefill.median),
      "decode_tokens_per_second": .number(1 / result.decode.median),
      "relative_to_none": [
        "prefill": result.prefill.ratios(to: plain.prefill).json,
        "first_token": result.firstToken.ratios(to: plain.firstToken).json,
        "decode": result.decode.ratios(to: plain.decode).json,
      ],
      "cache_bytes": JSON(result.cacheBytes),
      "peak_resident_bytes": result.peakResident.map { JSON($0) } ?? .null,
    ]
  }
}

extension Spread {
  /// Median, quartiles, extremes and all values.
  fileprivate var json: JSON {
    [
      "median": .number(median), "lower_quartile": .number(lowerQuartile),
      "upper_quartile": .number(upperQuartile), "minimum": .number(minimum),
      "maximum": .number(maximum), "values": .array(values.map { .number($0) }),
    ]
  }
}
