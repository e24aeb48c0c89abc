import Builds
import BundleFormat
import Bytes

/// The numerical events of compressing against what the recipe doesn't accept.
struct PolicyStage: Stage {
  /// Kinds of events, in the container's spelling: "damping-raised".
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
        .notMet, "the recipe's fail_on refuses: " + shown.joined(separator: "; ") + more,
        advice: "look at the layers, calibrate with more text, or accept the event")
    }
    context.report(events.count, of: events.count, "none that the recipe refuses")
    let verdict: JSON = ["events": JSON(events.count), "refused": .array([])]
    return StageResult(
      outputs: [Self.verdict: .bytes(verdict.canonicalBytes)], summary: verdict)
  }
}
