import BundleFormat
import Bytes

/// Events of compression that a reader of the artifact should know about. They are part of the result:
/// the same inputs give the same events, so they carry no times.
extension EventRecord {
  /// All kinds of events that compression records.
  package static let compressionKinds = ["damping-raised", "dead-columns", "scale-exponent"]

  private static func compression(
    _ kind: String, _ tensor: String, _ detail: JSONObject
  ) -> EventRecord {
    EventRecord(stage: "compress", tensor: tensor, kind: kind, detail: detail)
  }

  /// H wasn't positive definite with the damping asked for; `share` of its mean diagonal was used.
  static func dampingRaised(_ tensor: String, share: Double, retries: Int) -> EventRecord {
    compression("damping-raised", tensor, ["damping": .number(share), "retries": JSON(retries)])
  }

  /// Inputs that were 0 in all calibration text; their weights became 0.
  static func deadColumns(_ tensor: String, count: Int) -> EventRecord {
    compression("dead-columns", tensor, ["columns": JSON(count)])
  }

  /// Scales beyond f16's range are stored times 2^−exponent.
  static func scaleExponent(_ tensor: String, _ exponent: Int) -> EventRecord {
    compression("scale-exponent", tensor, ["exponent": JSON(exponent)])
  }
}
