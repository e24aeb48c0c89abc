import Bytes
import Checkpoints
import Evaluation
import Foundation
import Models
import TestSupport
import Testing

/// Perplexities by every protocol against transformers' losses of the same tokens in float32, on the
/// tiny golden models (Tests/ModelsTests/Golden/make_model_golden.py).
@Suite struct TransformersPerplexityTests {
  private static let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/"

  /// The two sequences of a golden model, and transformers' losses of their tokens but the first.
  private func golden(_ name: String) throws -> (ids: [[Int32]], losses: [[Double]]) {
    let json = try JSON(parsing: MappedFile(path: Self.folder + name + ".json").bytes)
    let ids = try json.required("ids", as: [JSON].self).map {
      ($0.array ?? []).compactMap { $0.int.map { Int32($0) } }
    }
    let entry = try json.required("arrays").required("nll")
    let offset = try entry.required("offset", as: Int.self)
    let bytes = try MappedFile(path: Self.folder + name + ".f32").bytes
    var losses: [[Double]] = []
    var place = offset
    for sequence in ids {
      losses.append(
        (0..<sequence.count - 1).map {
          Double(Float(bitPattern: bytes.integer(at: place + 4 * $0) ?? .max))
        })
      place += 4 * (sequence.count - 1)
    }
    return (ids, losses)
  }

  @Test(arguments: [
    "llama-odd", "llama3-scaled", "llama-linear", "mistral", "qwen2", "opt", "opt-350m", "opt-bare",
    "qwen3",
  ])
  func perplexitiesAgree(_ name: String) throws {
    let (ids, losses) = try golden(name)
    let length = ids[0].count
    #expect(ids.allSatisfy { $0.count == length } && length > 30)
    let model = try LanguageModel(source: Checkpoint.open(Self.folder + name))
    for family in PerplexityProtocol.Family.allCases {
      let rule = try PerplexityProtocol(family, length: length)
      // llama.cpp scores the targets of the last half of a window, the others all of them.
      let first = family == .llamacpp ? length / 2 : 0
      let scored = losses.flatMap { $0[first...] }
      let expected = exp(scored.reduce(0, +) / Double(scored.count))
      var meter = try PerplexityMeter(model, ids: ids.flatMap(\.self), rule: rule)
      let found = try meter.run()
      #expect(found.scoredTokens == scored.count, "\(family)")
      #expect(abs(found.value / expected - 1) <= 1e-4, "\(family): \(found.value), \(expected)")
    }
  }
}
