/// The calibration statistics of an input that several layers share.
public struct InputStatistics: Sendable {
  public var hessian: Hessian
  /// nil where no layer corrects for drift.
  public var drift: InputDrift?

  public init(hessian: Hessian, drift: InputDrift? = nil) {
    self.hessian = hessian
    self.drift = drift
  }
}
