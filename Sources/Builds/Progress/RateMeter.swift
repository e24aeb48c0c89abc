/// An estimator of a counter's rate, in units per second, from recent reports.
///
/// The first report only sets the start, because a resumed stage starts in the middle.
package struct RateMeter {
  private var samples: [(count: Int, time: Double)] = []
  private static let kept = 32

  package init() {}

  /// Adds a report of `count` at `time` in seconds.
  package mutating func add(_ count: Int, at time: Double) {
    if let last = samples.last, last.count == count {
      return
    }
    samples.append((count, time))
    // Drop every second sample, so that the window grows with the work instead of losing its start.
    if samples.count > Self.kept {
      samples = samples.enumerated().filter { $0.offset % 2 == 0 || $0.offset == Self.kept }
        .map(\.element)
    }
  }

  /// The rate in units per second; nil before two different counts.
  var rate: Double? {
    guard samples.count >= 2, let last = samples.last else { return nil }
    let first = samples[samples.count / 4]
    guard last.time > first.time, last.count > first.count else { return nil }
    return Double(last.count - first.count) / (last.time - first.time)
  }

  /// Returns the seconds until the count reaches `total`; nil if the rate is unknown.
  package func secondsLeft(of total: Int) -> Double? {
    guard let last = samples.last, let rate, total >= last.count else { return nil }
    return Double(total - last.count) / rate
  }
}
