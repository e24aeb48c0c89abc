import Builds
import BundleFormat
import Bytes

/// The stage that fails the build if compression had numerical events that the recipe's `fail_on`
/// lists.
struct PolicyStage: Stage {
  /// The kinds of events that fail the build, as spelt in bundles: "damping-raised".
  let refused: [String]

  static let name = "policy"
  static let verdict = StageOutput("verdict", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 1 }
  var parameters: JSON { ["fail_on": .array(refused.map { .string($0) })] }
  func declareInputs(in list: inout InputList) -> FileInput { list.output(CompressStage.events) }
  var outputs: [StageOutput] { [Self.verdict] }
  var usesKernels: Bool { false }
  var unit: String { "event" }
  var work: Double { 0 }

  func run(_ context: StageContext, _ events: FileInput) throws -> StageResult {
    let events = try (context.json(events).array ?? []).map { try EventRecord(json: $0) }
    let hits = events.filter { refused.contains($0.kind) }
    guard hits.isEmpty else {
      let shown = hits.prefix(5).map { event in
        "\(event.kind) at \(event.tensor ?? "the model") "
          + String(decoding: JSON.object(event.detail).canonicalBytes, as: UTF8.self)
      }
      let more = hits.count > 5 ? " and \(hits.count - 5) more" : ""
      throw Failure(
        .notMet, "events listed in the recipe's fail_on: " + shown.joined(separator: "; ") + more,
        advice: "check these layers, calibrate on more text, or remove the kind from fail_on")
    }
    context.report(events.count, of: events.count, "none listed in fail_on")
    let verdict: JSON = ["events": JSON(events.count), "refused": .array([])]
    return StageResult(
      outputs: [Self.verdict: .bytes(verdict.canonicalBytes)], summary: verdict)
  }
}
