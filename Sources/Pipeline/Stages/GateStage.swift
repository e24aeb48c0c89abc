import Builds
import BundleFormat
import Bytes

/// The stage that fails the build unless the measured perplexities meet the recipe's limits.
struct GateStage: Stage {
  let gate: GateRecipe
  let evaluations: [String]
  /// The names of the tasks.
  let tasks: [String]

  static let name = "gate"
  static let verdict = StageOutput("verdict", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 1 }
  var parameters: JSON { gate.json }
  /// The measurements of texts and of tasks; each nil if there are none.
  struct Inputs {
    let evidence: FileInput?
    let tasks: FileInput?
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      evidence: evaluations.isEmpty ? nil : list.output(VerifyStage.evidence),
      tasks: tasks.isEmpty ? nil : list.output(TaskStage.evidence, as: "tasks"))
  }
  var outputs: [StageOutput] { [Self.verdict] }
  var usesKernels: Bool { false }
  var unit: String { "limit" }
  var work: Double { 0 }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    let records = try [inputs.evidence, inputs.tasks].compactMap(\.self).flatMap { input in
      try (context.json(input).array ?? []).map { try EvidenceRecord(json: $0) }
    }
    var met: [JSON] = []
    var missed: [String] = []
    func judge(_ name: String, _ kind: String, _ checks: [GateRecipe.Limits.Check]) {
      for check in checks {
        if let miss = check.miss { missed.append("\(name): \(miss)") }
        met.append([
          kind: .string(name), "limit": .string(check.limit), "bound": .number(check.bound),
          "value": check.value.map { .number($0) } ?? .null,
        ])
      }
    }
    for name in evaluations {
      let limits = gate.limits(for: name)
      if limits.isEmpty { continue }
      judge(name, "evaluation", limits.checks(FourNumbers(records, text: name)))
    }
    for name in tasks {
      judge(name, "task", gate.tasks[name]?.checks(records, task: name) ?? [])
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

/// The measured numbers of one text; nil where not measured.
package struct FourNumbers: Sendable, Equatable {
  package var full: Double?
  /// The full model's with the prompt.
  package var fullWithPrompt: Double?
  package var compressed: Double?
  /// The compressed model's with the prompt.
  package var compressedWithPrompt: Double?
  /// The record of the artifact as shipped: with its prompt if it has one.
  private var record: EvidenceRecord?
  /// The reason why the full model's perplexity can't be compared, as a clause; nil if it can or
  /// wasn't measured.
  package private(set) var incomparable: String?

  /// Selects the measurements of `text` that may be compared with the artifact's: those on the same
  /// tokens, by the same protocol and arithmetic.
  package init(_ records: [EvidenceRecord], text: String) {
    func all(_ model: String, prompted: Bool) -> [EvidenceRecord] {
      records.filter {
        $0.text == text && $0.model == model && ($0.prompt != nil) == prompted && $0.choice == nil
          && $0.task == nil
      }
    }
    let shipped =
      all("compressed", prompted: true).first ?? all("compressed", prompted: false).first
    record = shipped
    func value(_ model: String, prompted: Bool) -> Double? {
      all(model, prompted: prompted).first {
        $0.basis.differences(from: (shipped ?? $0).basis).isEmpty
      }?.ppl
    }
    full = value("full", prompted: false)
    fullWithPrompt = value("full", prompted: true)
    compressed = value("compressed", prompted: false)
    compressedWithPrompt = value("compressed", prompted: true)
    if full == nil, let shipped, let other = all("full", prompted: false).first {
      let differences = other.basis.differences(from: shipped.basis)
      incomparable =
        "the full model's perplexity and the artifact's differ in "
        + MeasurementBasis.list(differences)
    }
  }

  /// The perplexity of the artifact as shipped: with its prompt if it has one.
  package var shipped: Double? { compressedWithPrompt ?? compressed }

  /// `shipped` with its standard error.
  package var shippedEstimate: Estimate? {
    record.map { Estimate($0.ppl, standardError: $0.pplStandardError) }
  }

  /// The ratio of `shipped` to the full model's perplexity, with its paired error where that was
  /// recorded.
  package var ratio: Estimate? {
    if let ratio = record?.ratio {
      return Estimate(ratio.value, standardError: ratio.standardError)
    }
    guard let full, let shipped else { return nil }
    return Estimate(shipped / full)
  }

  /// The artifact's divergence from the full model.
  package var divergence: DivergenceRecord? { record?.divergence }

  /// The share of the perplexity gap between the full and the compressed model that the prompt
  /// closes: above 1 if the result is better than the full model's, nil if there is no gap.
  package var gapClosed: Double? {
    guard let full, let compressed, let compressedWithPrompt, compressed > full else { return nil }
    return (compressed - compressedWithPrompt) / (compressed - full)
  }
}

extension GateRecipe {
  var json: JSON {
    var object = JSONObject()
    for (name, limits) in named.sorted(by: { $0.key < $1.key }) { object[name] = limits.json }
    var result: JSONObject = ["all": all.json, "named": .object(object)]
    if !tasks.isEmpty {
      var own = JSONObject()
      for (name, limits) in tasks.sorted(by: { $0.key < $1.key }) { own[name] = limits.json }
      result[TaskLimits.section] = .object(own)
    }
    return .object(result)
  }
}
