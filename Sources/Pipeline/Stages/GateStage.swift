import Builds
import BundleFormat
import Bytes

/// The stage that fails the build unless the measured perplexities meet the recipe's limits.
struct GateStage: Stage {
  let gate: GateRecipe
  let evaluations: [String]

  static let name = "gate"
  static let verdict = StageOutput("verdict", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 1 }
  var parameters: JSON { gate.json }
  func declareInputs(in list: inout InputList) -> FileInput { list.output(VerifyStage.evidence) }
  var outputs: [StageOutput] { [Self.verdict] }
  var usesKernels: Bool { false }
  var unit: String { "limit" }
  var work: Double { 0 }

  func run(_ context: StageContext, _ evidence: FileInput) throws -> StageResult {
    let records = try (context.json(evidence).array ?? []).map { try EvidenceRecord(json: $0) }
    var met: [JSON] = []
    var missed: [String] = []
    for name in evaluations {
      let limits = gate.limits(for: name)
      if limits.isEmpty { continue }
      let numbers = FourNumbers(records, text: name)
      for check in limits.checks(numbers) {
        if let miss = check.miss { missed.append("\(name): \(miss)") }
        met.append([
          "evaluation": .string(name), "limit": .string(check.limit), "bound": .number(check.bound),
          "value": check.value.map { .number($0) } ?? .null,
        ])
      }
    }
    guard missed.isEmpty else {
      throw Failure(
        .notMet, "the gate is not met and nothing was packaged: " + missed.joined(separator: "; "),
        advice: "change the recipe (more bits, more steps, or the limit) and run again")
    }
    context.report(met.count, of: met.count, met.isEmpty ? "no limits set" : "met")
    let verdict: JSON = ["met": .array(met)]
    return StageResult(
      outputs: [Self.verdict: .bytes(verdict.canonicalBytes)], summary: verdict)
  }
}

/// The measured perplexities of one text; nil where not measured.
package struct FourNumbers: Sendable, Equatable {
  package var full: Double?
  /// The full model's with the prompt.
  package var fullWithPrompt: Double?
  package var compressed: Double?
  /// The compressed model's with the prompt.
  package var compressedWithPrompt: Double?

  /// Selects the perplexities of `text` from measurements.
  package init(_ records: [EvidenceRecord], text: String) {
    func value(_ model: String, prompted: Bool) -> Double? {
      records.first {
        $0.text == text && $0.model == model && ($0.prompt != nil) == prompted && $0.choice == nil
      }?.ppl
    }
    full = value("full", prompted: false)
    fullWithPrompt = value("full", prompted: true)
    compressed = value("compressed", prompted: false)
    compressedWithPrompt = value("compressed", prompted: true)
  }

  /// The perplexity of the artifact as shipped: with its prompt if it has one.
  package var shipped: Double? { compressedWithPrompt ?? compressed }

  /// The share of the perplexity gap between the full and the compressed model that the prompt
  /// closes: above 1 if the result is better than the full model's, nil if there is no gap.
  package var gapClosed: Double? {
    guard let full, let compressed, let compressedWithPrompt, compressed > full else { return nil }
    return (compressed - compressedWithPrompt) / (compressed - full)
  }
}

extension GateRecipe.Limits {
  /// The comparison of one measured value with its limit.
  package struct Check {
    /// The limit's name in recipes.
    package let limit: String
    /// The limit's value.
    package let bound: Double
    /// The measured value; nil if it is unknown.
    package let value: Double?
    /// The amount by which the limit is missed, in words; nil if it is met.
    package let miss: String?
  }

  /// Compares the measured perplexities with these limits.
  package func checks(_ numbers: FourNumbers) -> [Check] {
    var checks: [Check] = []
    func atMost(_ limit: String, _ bound: Double?, _ value: Double?) {
      guard let bound else { return }
      var miss: String? = "\(limit) can't be judged: the number is missing"
      if let value {
        let over = value - bound
        miss =
          value <= bound
          ? nil
          : "\(limit) is \(Figure.short(bound)), found \(Figure.short(value)), "
            + "\(Figure.short(over)) too high (\(Figure.percent(over / bound)))"
      }
      checks.append(Check(limit: limit, bound: bound, value: value, miss: miss))
    }
    atMost("max_ppl", maxPerplexity, numbers.shipped)
    let ratio = numbers.full.flatMap { full in numbers.shipped.map { $0 / full } }
    atMost("max_ratio_to_full", maxRatioToFull, ratio)
    if let bound = minGapClosed {
      var miss: String? = nil
      if let value = numbers.gapClosed {
        if value < bound {
          miss =
            "min_gap_closed is \(Figure.short(bound)), found \(Figure.short(value)), "
            + "\(Figure.short(bound - value)) too low"
        }
      } else if numbers.full == nil || numbers.compressed == nil
        || numbers.compressedWithPrompt == nil
      {
        miss = "min_gap_closed can't be judged: a number is missing"
      }
      checks.append(
        Check(limit: "min_gap_closed", bound: bound, value: numbers.gapClosed, miss: miss))
    }
    return checks
  }
}

extension GateRecipe {
  var json: JSON {
    var object = JSONObject()
    for (name, limits) in named.sorted(by: { $0.key < $1.key }) { object[name] = limits.json }
    return ["all": all.json, "named": .object(object)]
  }
}
