import Bytes

/// The parts of a bundle that a measurement depends on, and to which a prompt is bound. Edits of prompts
/// and evidence don't change them.
public struct MeasuredModel: Sendable, Equatable {
  /// The `weightsDigest`.
  public let weights: SHA256Digest
  /// SHA-256 of the tokenizer section's raw bytes; nil if there is none.
  public let tokenizer: SHA256Digest?
  /// SHA-256 of the configuration section's raw bytes; nil if there is none.
  public let configuration: SHA256Digest?
  /// The checkpoint that the bundle was made from; nil if the provenance is missing.
  public let baseModel: SHA256Digest?

  static let parts = ["weights", "tokenizer", "configuration", "base model"]

  var digests: [SHA256Digest?] { [weights, tokenizer, configuration, baseModel] }
}

extension ModelBundle {
  /// The parts that a measurement of this bundle depends on.
  /// - Throws: `invalidData` where the provenance can't be read.
  public var measuredModel: MeasuredModel {
    get throws(Failure) {
      MeasuredModel(
        weights: weightsDigest, tokenizer: tokenizerDigest,
        configuration: documentSection(.modelConfiguration)?.sha256,
        baseModel: try baseModelDigest)
    }
  }
}

extension ModelBundle {
  /// Checks that the model is still the one that was measured.
  ///
  /// - Throws: `busy` saying what changed.
  public func check(_ measured: MeasuredModel) throws(Failure) {
    let now = try measuredModel
    for (what, (old, new)) in zip(MeasuredModel.parts, zip(measured.digests, now.digests))
    where old != new {
      throw Failure(
        .busy, file: path,
        "its \(what) changed meanwhile (\(old?.hex ?? "none") before, \(new?.hex ?? "none") now), so"
          + " that nothing was stored", advice: "run the same command again")
    }
  }
}
