import Foundation

/// The values of one benchmark, ctpack's and a peer's if there is one, measured in turns within one run.
struct BenchmarkResult {
  let name: String
  /// The unit of the values, such as "s" or "GB/s".
  let unit: String
  /// ctpack's values, one per run.
  let ours: [Double]
  /// The peer's name and its values, one per run.
  let peer: (name: String, values: [Double])?
  /// The target, as text.
  let goal: String
  /// Further facts, such as a perplexity.
  var notes: [String] = []

  /// The median over the runs of (peer's value / ctpack's value); for times, the speedup.
  var ratio: Double? {
    peer.map { median(zip($0.values, ours).map { $0 / $1 }) }
  }

  /// The result as one line, in the form that studies/speed.py parses.
  var line: String {
    var text = "\(name): ctpack \(figure(median(ours))) \(unit) (\(range(ours)))"
    if let peer, let ratio {
      text += ", \(peer.name) \(figure(median(peer.values))) \(unit) (\(range(peer.values)))"
      text += ": \(figure(ratio)) times as fast"
    }
    return ([text + "; goal: \(goal)"] + notes).joined(separator: "; ")
  }

  private func range(_ values: [Double]) -> String {
    "\(figure(values.min() ?? .nan)) to \(figure(values.max() ?? .nan)), \(values.count) runs"
  }
}

/// The median; NaN without values.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard !sorted.isEmpty else { return .nan }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// A value with three significant digits.
func figure(_ value: Double) -> String {
  guard value.isFinite, value != 0 else { return "\(value)" }
  let digits = max(0, 2 - Int(log10(abs(value)).rounded(.down)))
  return String(format: "%.\(digits)f", value)
}

/// The wall-clock time of `body` in seconds.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}
