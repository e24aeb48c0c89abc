import Foundation

/// One figure of a benchmark: ours and, where there is a peer, the peer's, measured in turns within the same run.
struct BenchmarkResult {
  let name: String
  /// What the figures are, e.g. "s" or "GB/s".
  let unit: String
  /// All values measured here, in the order of the runs.
  let ours: [Double]
  /// The peer's name and its values, run by run beside ours.
  let peer: (name: String, values: [Double])?
  /// What is asked for, as a sentence.
  let goal: String
  /// Further facts, e.g. a perplexity.
  var notes: [String] = []

  /// How many times as fast as the peer: the median of the ratios, run by run.
  var ratio: Double? {
    peer.map { median(zip($0.values, ours).map { $0 / $1 }) }
  }

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

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard !sorted.isEmpty else { return .nan }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// Three significant digits.
func figure(_ value: Double) -> String {
  guard value.isFinite, value != 0 else { return "\(value)" }
  let digits = max(0, 2 - Int(log10(abs(value)).rounded(.down)))
  return String(format: "%.\(digits)f", value)
}

/// Seconds that `body` takes on the wall clock.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}
