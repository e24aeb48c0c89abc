import Bytes

/// How similar a measured model's inner values stay to the full model's without a prompt, block by block, over
/// the windows of the measurement that holds the record.
///
/// Only the text's own positions are compared: a prompt's or prefix's are left out.
public struct SimilarityRecord: Sendable, Equatable {
  /// The digest of the full model's weights, where known.
  public var modelDigest: SHA256Digest?
  /// Per block the mean cosine similarity of attention rows, over heads and over the tokens 1 … N − 1 of each
  /// window; 0 … 1. A row has the probabilities of the text's keys up to its token, renormalised to sum 1.
  public var attention: [Double]
  /// Per block the mean cosine similarity of its output (the residual stream after it), over all tokens of each
  /// window; −1 … 1.
  public var activations: [Double]
  /// The standard errors of `attention` over windows, ≥ 0; nil for a single window.
  public var attentionErrors: [Double]?
  /// The standard errors of `activations` over windows, ≥ 0; nil for a single window.
  public var activationErrors: [Double]?
  /// Per block the mean share of attention that the prompt's or prefix's positions have, 0 … 1; nil if there are
  /// none.
  public var promptShare: [Double]?

  /// A comparison with the model of the weights `modelDigest`; all arrays have an element per block.
  public init(
    modelDigest: SHA256Digest?, attention: [Double], activations: [Double],
    attentionErrors: [Double]? = nil, activationErrors: [Double]? = nil,
    promptShare: [Double]? = nil
  ) {
    self.modelDigest = modelDigest
    self.attention = attention
    self.activations = activations
    self.attentionErrors = attentionErrors
    self.activationErrors = activationErrors
    self.promptShare = promptShare
  }

  /// The record as JSON.
  public var json: JSON {
    func list(_ values: [Double]) -> JSON { .array(values.map { .number($0) }) }
    var object: JSONObject = ["attention": list(attention), "activations": list(activations)]
    object["model_sha256"] = modelDigest.map { .string($0.hex) }
    object["attention_stderr"] = attentionErrors.map(list)
    object["activations_stderr"] = activationErrors.map(list)
    object["prompt_share"] = promptShare.map(list)
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    modelDigest = try json.digest("model_sha256")
    let (largest, blocks) = (Double.greatestFiniteMagnitude, try json.required("attention"))
    attention = try Self.list("attention", json, 0...1, count: blocks.array?.count)
    let count = attention.count
    activations = try Self.list("activations", json, -1...1, count: count)
    func optional(
      _ key: String, _ range: ClosedRange<Double>
    ) throws(Failure) -> [Double]? {
      try json[key] == nil ? nil : Self.list(key, json, range, count: count)
    }
    attentionErrors = try optional("attention_stderr", 0...largest)
    activationErrors = try optional("activations_stderr", 0...largest)
    promptShare = try optional("prompt_share", 0...1)
  }

  private static func list(
    _ key: String, _ json: JSON, _ range: ClosedRange<Double>, count: Int?
  ) throws(Failure) -> [Double] {
    let items = try json.required(key, as: [JSON].self)
    let values = items.compactMap(\.double)
    guard !values.isEmpty, values.count == items.count, values.count == count,
      values.allSatisfy(range.contains)
    else {
      throw Failure(
        .invalidData, at: "key \"\(key)\"", "no list of numbers, one per block, that can be")
    }
    return values
  }
}

extension EvidenceRecord {
  /// The comparison of the model's inner values with the full model's; nil if there was none.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public func similarity() throws(Failure) -> SimilarityRecord? {
    guard let json = other["similarity"] else { return nil }
    do throws(Failure) {
      return try SimilarityRecord(json: json)
    } catch {
      throw Failure(
        .invalidData, at: "key \"similarity\"" + (error.place.map { ", " + $0 } ?? ""),
        error.finding)
    }
  }

  /// This record, with the comparison of the same measurement in `records` unless it has one itself.
  func keepingComparison(of records: [EvidenceRecord]) -> EvidenceRecord {
    guard other["similarity"] == nil,
      let kept = records.last(where: { $0.isSameMeasurement(as: self) })?.other["similarity"]
    else { return self }
    var record = self
    record.other["similarity"] = kept
    return record
  }

  /// This record with another comparison, or without one.
  public func with(_ similarity: SimilarityRecord?) -> EvidenceRecord {
    var record = self
    record.other["similarity"] = similarity?.json
    return record
  }
}
