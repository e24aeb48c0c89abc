import Bytes

extension Failure.Reason {
  /// The text is shorter than one window.
  package static let textTooShort = Failure.Reason("evaluation.text-too-short")
}
