/// The calibration statistics of an input that several layers share.
package struct InputStatistics: Sendable {
  package var hessian: Hessian
  /// The input's drift; nil if no layer corrects for it.
  package var drift: InputDrift?

  package init(hessian: Hessian, drift: InputDrift? = nil) {
    self.hessian = hessian
    self.drift = drift
  }
}
