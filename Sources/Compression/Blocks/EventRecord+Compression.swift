import BundleFormat
import Bytes

/// Compression events recorded in the artifact. They carry no times, so that equal inputs give
/// equal events.
extension EventRecord {
  /// All kinds of events that compression records.
  package static let compressionKinds = ["damping-raised", "dead-columns", "scale-exponent"]

  private static func compression(
    _ kind: String, _ tensor: String, _ detail: JSONObject
  ) -> EventRecord {
    EventRecord(stage: "compress", tensor: tensor, kind: kind, detail: detail)
  }

  /// A Hessian that wasn't positive definite with the requested damping; `share` of its mean
  /// diagonal was used instead.
  static func dampingRaised(_ tensor: String, share: Double, retries: Int) -> EventRecord {
    compression("damping-raised", tensor, ["damping": .number(share), "retries": JSON(retries)])
  }

  /// Inputs that were 0 in all calibration text; their weights became 0.
  static func deadColumns(_ tensor: String, count: Int) -> EventRecord {
    compression("dead-columns", tensor, ["columns": JSON(count)])
  }

  /// Scales beyond f16's range, stored as scale · 2^−exponent.
  static func scaleExponent(_ tensor: String, _ exponent: Int) -> EventRecord {
    compression("scale-exponent", tensor, ["exponent": JSON(exponent)])
  }
}
