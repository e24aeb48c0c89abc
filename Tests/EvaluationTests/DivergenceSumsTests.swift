import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Foundation
import Models
import Numerics
import TestSupport
import Testing

/// The divergence of one tiny random model from another, against plain float64 on their logits.
@Suite struct DivergenceSumsTests {
  let folder: TemporaryFolder
  let full: LanguageModel
  let other: LanguageModel
  let ids: [Int32]
  let rule: PerplexityProtocol

  init() throws {
    let folder = try TemporaryFolder()
    func model(_ seed: UInt64) throws -> LanguageModel {
      var tiny = TinyCheckpoint()
      tiny.seed = seed
      return try LanguageModel(source: Checkpoint.open(tiny.write(to: folder, "model-\(seed)")))
    }
    self.folder = folder
    full = try model(1)
    other = try model(2)
    var random = TestRandom(fixture: 5)
    ids = (0..<200).map { _ in Int32(random.below(263)) }
    rule = try PerplexityProtocol(.ctp, length: 16)
  }

  /// Compares the first `limit` windows of both models, saving and reading the state after each of
  /// the windows `stops`.
  private func compared(limit: Int? = nil, stops: Set<Int> = []) throws -> DivergenceSums {
    var base = try PerplexityMeter(full, ids: ids, rule: rule, limit: limit)
    var own = try PerplexityMeter(other, ids: ids, rule: rule, limit: limit)
    var sums = DivergenceSums()
    while !own.isDone {
      var reference: ScoredWindow?
      try base.step { reference = $0 }
      // As the verify stage keeps it.
      let bytes = ByteSlice(try #require(reference).bytes)
      let stored = try #require(
        ScoredWindow(
          index: own.state.windows, bytes: bytes, targets: rule.targetsPerWindow,
          width: full.configuration.embeddingSize))
      let head = own.head
      try own.step { (window) throws(Failure) in
        try sums.add(window, head: head, base: stored, baseHead: full.head)
      }
      guard stops.contains(own.state.windows) else { continue }
      sums = try JSONDecoder().decode(DivergenceSums.self, from: JSONEncoder().encode(sums))
    }
    #expect(sums.fits(windows: own.windows, targets: rule.targetsPerWindow))
    #expect(!sums.fits(windows: own.windows - 1, targets: rule.targetsPerWindow))
    return sums
  }

  /// One token's numbers in float64.
  private struct Token {
    let kl, dp, own, base: Double
    let same: Bool
  }

  /// All tokens by window, from the two models' logits.
  private func tokens() throws -> [[Token]] {
    try (0..<ids.count / 16).map { window in
      let part = Array(ids[window * 16..<(window + 1) * 16])
      func logProbabilities(_ model: LanguageModel) throws -> [[Double]] {
        let logits = try Scorer(model).logits(part)
        return (0..<15).map { row in
          let all = (0..<logits.columns).map { Double(logits[row * logits.columns + $0]) }
          let top = all.max() ?? 0
          let sum = top + log(all.reduce(0) { $0 + exp($1 - top) })
          return all.map { $0 - sum }
        }
      }
      let (p, q) = (try logProbabilities(full), try logProbabilities(other))
      return (0..<15).map { row in
        let target = Int(part[row + 1])
        return Token(
          kl: zip(p[row], q[row]).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) },
          dp: exp(q[row][target]) - exp(p[row][target]), own: -q[row][target],
          base: -p[row][target],
          same: p[row].firstIndex(of: p[row].max() ?? 0) == q[row].firstIndex(of: q[row].max() ?? 0)
        )
      }
    }
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  /// A number computed over all windows, with the spread of those computed without one of them.
  private func jackknife(_ windows: [[Token]], _ value: ([Token]) -> Double) -> (Double, Double) {
    let parts = windows.indices.map { left in
      value(windows.enumerated().filter { $0.offset != left }.flatMap(\.element))
    }
    let centre = mean(parts)
    let squares = parts.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
    let count = Double(parts.count)
    return (value(windows.flatMap(\.self)), (squares * (count - 1) / count).squareRoot())
  }

  /// Logits of two float32 computations differ by a few units in the last place: all numbers of this
  /// fixture agree to 10⁻⁴ of their size.
  private func expectClose(
    _ found: Double?, _ expected: Double, _ name: Comment,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(
      abs((found ?? .nan) - expected) <= 1e-4 * max(0.05, abs(expected)), name,
      sourceLocation: location)
  }

  @Test func everyNumberFollowsItsDefinition() throws {
    let digest = SHA256Digest(hashing: [1])
    let record = try compared().record(to: digest)
    let windows = try tokens()
    let all = windows.flatMap(\.self)
    #expect(record.modelDigest == digest && windows.count == 12 && all.count == 180)

    // For a mean of windows of equal size, the jackknife's error is the standard error.
    func check(_ found: Estimate, _ name: Comment, _ value: ([Token]) -> Double) {
      let (expected, error) = jackknife(windows, value)
      expectClose(found.value, expected, name)
      expectClose(found.standardError, error, "the error of \(name)")
    }
    check(record.kl.mean, "KL") { tokens in mean(tokens.map(\.kl)) }
    check(record.dp.mean, "Δp") { tokens in mean(tokens.map(\.dp)) }
    check(record.sameTop, "same top") { tokens in mean(tokens.map { $0.same ? 1 : 0 }) }
    check(record.lnRatio, "ln ratio") { tokens in mean(tokens.map { $0.own - $0.base }) }
    let correlation = try #require(record.correlation)
    check(correlation, "correlation") { tokens in
      let (x, y) = (mean(tokens.map(\.own)), mean(tokens.map(\.base)))
      let products = tokens.reduce(0) { $0 + ($1.own - x) * ($1.base - y) }
      let own = tokens.reduce(0) { $0 + ($1.own - x) * ($1.own - x) }
      let base = tokens.reduce(0) { $0 + ($1.base - y) * ($1.base - y) }
      return products / (own * base).squareRoot()
    }
    let (squares, squareError) = jackknife(windows) { tokens in mean(tokens.map { $0.dp * $0.dp }) }
    expectClose(record.rmsDp.value, squares.squareRoot(), "RMS Δp")
    expectClose(record.rmsDp.standardError, squareError / (2 * squares.squareRoot()), "its error")
    let (own, base) = (exp(mean(all.map(\.own))), exp(mean(all.map(\.base))))
    expectClose(record.basePerplexity.value, base, "PPL(base)")
    expectClose(record.perplexityDifference.value, own - base, "PPL difference")
    let (_, moved) = jackknife(windows) { tokens in
      mean(tokens.map { own * $0.own - base * $0.base })
    }
    expectClose(record.perplexityDifference.standardError, moved, "its error")

    for (found, values, percents) in [
      (record.kl, all.map(\.kl), DivergenceRecord.klPercents),
      (record.dp, all.map(\.dp), DivergenceRecord.dpPercents),
    ] {
      let sorted = values.sorted()
      expectClose(found.maximum, sorted[179], "maximum")
      expectClose(found.minimum, sorted[0], "minimum")
      #expect(found.percents == percents)
      for percent in percents {
        let rank = (Double(percent) ?? 0) / 100 * 179
        let low = Int(rank)
        let share = rank - Double(low)
        expectClose(
          found.percentiles[percent]?.value,
          sorted[low] * (1 - share) + sorted[min(179, low + 1)] * share, "\(percent) %")
      }
      // √(180/4) ranks on both sides of the middle.
      let spread = 45.0.squareRoot()
      func value(_ rank: Double) -> Double {
        let low = Int(rank)
        return sorted[low] + (rank - Double(low)) * (sorted[low + 1] - sorted[low])
      }
      expectClose(
        found.median.standardError, (value(89.5 + spread) - value(89.5 - spread)) / 2,
        "the median's error")
      #expect(found.percentiles["99.9"]?.standardError == nil, "180 tokens can't tell")
    }
    // The record is what the format accepts.
    #expect(try DivergenceRecord(json: JSON(parsing: record.json.canonicalBytes)) == record)
  }

  @Test func aResumedComparisonEndsWithTheSameBits() throws {
    let whole = try compared()
    for stops in [[1], [5, 6], [12]] as [Set<Int>] { #expect(try compared(stops: stops) == whole) }
  }

  @Test func aModelDoesNotDivergeFromItself() throws {
    var meter = try PerplexityMeter(full, ids: ids, rule: rule)
    var sums = DivergenceSums()
    while !meter.isDone {
      let head = meter.head
      try meter.step { (window) throws(Failure) in
        try sums.add(window, head: head, base: window, baseHead: head)
      }
    }
    let record = sums.record(to: nil)
    #expect(
      record.kl.maximum == 0 && record.dp.maximum == 0
        && record.rmsDp == Estimate(0, standardError: 0))
    #expect(record.sameTop == Estimate(1, standardError: 0))
    #expect(record.lnRatio == Estimate(0, standardError: 0))
    #expect(record.perplexityDifference == Estimate(0, standardError: 0))
    expectClose(record.correlation?.value, 1, "correlation")
    let one = try compared(limit: 1).record(to: nil)
    #expect(one.kl.mean.standardError == nil && one.sameTop.standardError == nil)
    #expect(one.correlation?.standardError == nil && one.rmsDp.standardError == nil)
  }

  @Test func aDivergenceThatIsNotFiniteIsRefused() throws {
    var sums = DivergenceSums()
    let window = ScoredWindow(index: 3, losses: [1, 2], hidden: Tensor([2, 1]))
    for value in [Double.nan, .infinity] {
      let failure = #expect(throws: Failure.self) {
        try sums.add(
          window, base: window,
          [RowDivergence(kl: 0, sameTop: true), RowDivergence(kl: value, sameTop: true)])
      }
      #expect(failure?.kind == .invalidData)
      #expect(failure?.place == "window 3, scored token 1")
    }
    #expect(sums == DivergenceSums())
  }

  @Test func aSavedWindowOfAnotherSizeIsRefused() throws {
    let window = ScoredWindow(index: 0, losses: [1, 2], hidden: Tensor([2, 3]))
    let bytes = ByteSlice(window.bytes)
    let read = ScoredWindow(index: 0, bytes: bytes, targets: 2, width: 3)
    #expect(read?.losses == [1, 2] && read?.hidden.values == window.hidden.values)
    for (targets, width) in [(2, 2), (1, 3), (3, 3), (2, 4)] {
      #expect(ScoredWindow(index: 0, bytes: bytes, targets: targets, width: width) == nil)
    }
  }
}
