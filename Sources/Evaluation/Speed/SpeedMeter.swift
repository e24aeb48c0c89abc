import Bytes
import Models
import Numerics

/// The times and the memory of one case, a value per measured round.
package struct SpeedResult: Sendable {
  package let subject: SpeedCase
  /// Seconds from the token ids to the first generated token: the cache is made, prompt and text are computed,
  /// the likeliest token is chosen.
  package let firstToken: Spread
  /// Seconds of the pass over the text, and over the prompt if its rows are run.
  package let prefill: Spread
  /// Mean seconds per token generated after the first.
  package let decode: Spread
  /// Bytes of keys and values when the last token is generated, the prompt's included.
  package let cacheBytes: Int
  /// The most memory that was resident during a round of this case, in bytes, the model's mapped file included;
  /// nil if the system doesn't report it for a part of the process's life.
  package let peakResident: Int?
}

/// A measurement of speed: every case once per round, so that a machine that gets slower or faster meanwhile
/// favours none, every second round in the opposite order, and a round of warm-up first.
package struct SpeedMeter {
  package let cases: [SpeedCase]
  package let settings: SpeedSettings

  /// - Throws: `usage` if the model has too few positions for the longest prompt and the text.
  package init(_ cases: [SpeedCase], settings: SpeedSettings) throws(Failure) {
    precondition(!cases.isEmpty && settings.repeats > 0 && settings.textTokens > 0)
    precondition(settings.generatedTokens > 0)
    for one in cases {
      try one.model.configuration.checkPositions(settings.rows(promptTokens: one.tokens))
    }
    self.cases = cases
    self.settings = settings
  }

  /// Runs of all cases in all rounds, the warm-up included.
  package var runs: Int { cases.count * (settings.repeats + 1) }

  /// Measures all rounds.
  ///
  /// - Parameter progress: called after each run with the runs done and to do.
  /// - Throws: `invalidData` if a number isn't finite; what `progress` throws.
  package func run(progress: ProgressHandler = .none) throws(Failure) -> [SpeedResult] {
    var samples = [[Sample]](repeating: [], count: cases.count)
    var done = 0
    try progress.report(0, of: runs)
    for round in 0...settings.repeats {
      for index in Self.order(round: round, of: cases.count) {
        let sample = try measure(cases[index])
        if round > 0 { samples[index].append(sample) }
        done += 1
        try progress.report(done, of: runs, round == 0 ? "warm-up" : cases[index].name)
      }
    }
    return zip(cases, samples).map(result)
  }

  /// The order of the cases in a round: forwards in even rounds, backwards in odd ones.
  package static func order(round: Int, of count: Int) -> [Int] {
    round % 2 == 0 ? Array(0..<count) : (0..<count).reversed()
  }

  private struct Sample {
    var firstToken, prefill, decode: Double
    var peak: Int?
  }

  private func measure(_ one: SpeedCase) throws(Failure) -> Sample {
    let ids = settings.text(vocabulary: one.model.configuration.vocabularySize)
    let isPeakOwn = ProcessUsage.restartPeak()
    let start = ProcessUsage.clock
    let decoder = try TextDecoder(
      one.model, capacity: settings.rows(promptTokens: one.start.count), format: settings.cache)
    let began = ProcessUsage.clock
    let logits = try decoder.begin(ids, prompt: one.start)
    let prefilled = ProcessUsage.clock
    var token = try Sampler.mostLikely(logits)
    let first = ProcessUsage.clock
    for _ in 0..<settings.generatedTokens {
      token = try Sampler.mostLikely(decoder.step([token], texts: [0]).values)
    }
    let end = ProcessUsage.clock
    return Sample(
      firstToken: first - start, prefill: prefilled - began,
      decode: (end - first) / Double(settings.generatedTokens),
      peak: isPeakOwn ? ProcessUsage.peakResident : nil)
  }

  private func result(_ one: SpeedCase, _ samples: [Sample]) -> SpeedResult {
    let c = one.model.configuration
    let peaks = samples.compactMap(\.peak)
    return SpeedResult(
      subject: one, firstToken: Spread(samples.map(\.firstToken)),
      prefill: Spread(samples.map(\.prefill)), decode: Spread(samples.map(\.decode)),
      cacheBytes: c.layers
        * AttentionCache.byteCount(
          rows: settings.rows(promptTokens: one.start.count), kvHeads: c.kvHeads,
          headDim: c.headDim, format: settings.cache),
      peakResident: peaks.count == samples.count ? peaks.max() : nil)
  }
}
