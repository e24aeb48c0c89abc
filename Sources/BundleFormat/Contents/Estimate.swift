import Bytes

/// A measured number with its standard error.
public struct Estimate: Sendable, Equatable {
  /// The number.
  public var value: Double
  /// Its standard error, ≥ 0; nil where the measurement is too short to tell.
  public var standardError: Double?

  /// The number `value` with the standard error `standardError`.
  public init(_ value: Double, standardError: Double? = nil) {
    self.value = value
    self.standardError = standardError
  }

  var isFinite: Bool { value.isFinite && standardError?.isFinite != false }

  /// The estimate as JSON.
  public var json: JSON {
    var object: JSONObject = ["value": .number(value)]
    object["se"] = standardError.map { .number($0) }
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    value = try json.required("value", as: Double.self)
    standardError = try json["se"] == nil ? nil : json.required("se", as: Double.self)
    guard standardError ?? 0 >= 0 else {
      throw Failure(.invalidData, at: "key \"se\"", "a standard error below 0")
    }
  }
}

extension JSON {
  /// The member `key` as an estimate within `range`.
  /// - Throws: `invalidData` naming the key if it is missing, mistyped or out of range.
  func estimate(_ key: String, in range: ClosedRange<Double>) throws(Failure) -> Estimate {
    let json = try required(key)
    do throws(Failure) {
      let estimate = try Estimate(json: json)
      guard range.contains(estimate.value) else {
        throw Failure(.invalidData, "a value that can't be")
      }
      return estimate
    } catch {
      throw Failure(
        .invalidData, at: "key \"\(key)\"" + (error.place.map { ", " + $0 } ?? ""), error.finding)
    }
  }
}

/// The perplexity of a model divided by that of another on the same tokens: exp of the mean
/// difference of their losses.
public struct RatioRecord: Sendable, Equatable {
  /// The ratio, > 0.
  public var value: Double
  /// Its standard error, ≥ 0, from the differences window by window; nil with fewer than two windows.
  public var standardError: Double?
  /// The digest of the other model's weights.
  public var modelDigest: SHA256Digest

  /// The ratio `value` to the model with the weights `modelDigest`.
  public init(_ value: Double, standardError: Double?, modelDigest: SHA256Digest) {
    self.value = value
    self.standardError = standardError
    self.modelDigest = modelDigest
  }

  /// Adds the members of an evidence record that hold the ratio.
  func write(to object: inout JSONObject) {
    object["ratio"] = .number(value)
    object["ratio_se"] = standardError.map { .number($0) }
    object["ratio_model_sha256"] = .string(modelDigest.hex)
  }

  static let members: Set<String> = ["ratio", "ratio_se", "ratio_model_sha256"]

  /// Reads what `write` added to a record; nil if there is none of it.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  init?(record: JSON) throws(Failure) {
    guard Self.members.contains(where: { record[$0] != nil }) else { return nil }
    value = try record.required("ratio", as: Double.self)
    standardError =
      try record["ratio_se"] == nil ? nil : record.required("ratio_se", as: Double.self)
    guard let digest = try record.digest("ratio_model_sha256") else {
      throw Failure(.invalidData, at: "key \"ratio_model_sha256\"", "is missing")
    }
    modelDigest = digest
    guard value > 0 else {
      throw Failure(.invalidData, at: "key \"ratio\"", "a ratio of perplexities that can't be")
    }
    guard standardError ?? 0 >= 0 else {
      throw Failure(.invalidData, at: "key \"ratio_se\"", "a standard error below 0")
    }
  }
}
