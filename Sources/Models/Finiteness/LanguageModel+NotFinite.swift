import Bytes
import Checkpoints
import Numerics

extension Failure.Reason {
  /// A tensor of the model has a value that isn't finite.
  package static let weightNotFinite = Failure.Reason("model.weight-not-finite")
  /// A number computed from finite weights isn't finite.
  package static let notFinite = Failure.Reason("model.not-finite")
  /// A key or a value is beyond the range of the cache's format.
  package static let cacheRange = Failure.Reason("model.cache-range")
}

/// Causes of numbers that aren't finite. They are looked for only once such a number was found,
/// because that takes a pass over all weights.
extension LanguageModel {
  /// The failure that names the model's first tensor with a NaN or an infinity, in the order of the
  /// computation; nil if all values are finite, or the layers aren't from a file.
  package func damagedTensor() -> Failure? {
    guard let source else { return nil }
    for name in source.tensorNames {
      do throws(Failure) {
        guard let index = try Checkpoint.firstNonFinite(of: name, in: source) else { continue }
        return Failure(
          .invalidData, file: sourcePath, at: "tensor \"\(name)\"",
          "value \(index) is not a finite number, so the model's results aren't either",
          advice: "the model's file is damaged; fetch or build it again", reason: .weightNotFinite)
      } catch {
        return error
      }
    }
    return nil
  }

  /// The failure of a computation in which a number at `place` isn't finite: it names the first
  /// damaged tensor, or `place` if all weights are finite.
  /// - Parameter finding: what was computed, and its value: "the output is inf".
  package func notFinite(at place: String, _ finding: String) -> Failure {
    damagedTensor() ?? overflow(at: place, finding)
  }

  /// The failure of a computation that leaves float32's range at `place`, with finite weights.
  func overflow(at place: String, _ finding: String) -> Failure {
    Failure(
      .invalidData, file: sourcePath, at: place,
      finding + ": the weights are finite, but numbers grow beyond the range of float32",
      advice: "check the model's weights and configuration, and the prompt if there is one",
      reason: .notFinite)
  }

  /// The failure of a cache that can't hold a number of layer `layer`.
  /// - Parameter text: words before the place, such as "text 2, "; empty for none.
  func unheld(
    _ unheld: AttentionCache.Unheld, layer: Int, text: String, format: AttentionCache.Format
  ) -> Failure {
    let place = "\(text)layer \(layer), position \(unheld.row)"
    let part = unheld.isKey ? "key" : "value"
    guard unheld.number.isFinite else {
      return notFinite(at: place, "the \(part) of head \(unheld.head) has \(unheld.number) in it")
    }
    return Failure(
      .invalidData, file: sourcePath, at: place,
      "the \(part) of head \(unheld.head) has \(unheld.number) in it, beyond 65504, the largest"
        + " number of a \(format.rawValue) cache",
      advice: "keep keys and values in float32", reason: .cacheRange)
  }

  /// The file of the model, or the folder of its files; nil if the layers aren't from a file.
  private var sourcePath: String? {
    guard let files = source?.files, let first = files.first else { return nil }
    return files.count == 1 ? first : PathNames.parent(first)
  }
}

extension Failure {
  /// This failure with `outer` before its place, if it is about numbers that aren't finite.
  package func inside(_ outer: String) -> Failure {
    guard reason == .notFinite else { return self }
    return Failure(
      kind, file: file, at: [outer, place].compactMap(\.self).joined(separator: ", "), finding,
      advice: advice, reason: reason)
  }
}
