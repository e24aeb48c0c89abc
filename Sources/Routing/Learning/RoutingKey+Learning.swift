import Bytes
import Foundation
import Models
import Numerics

extension RoutingKey {
  /// Ridge damping, added to the features' variances of 1. Keys learned with ten times as much
  /// chose worse, with a tenth no better.
  private static let damping = 1e-4
  /// Number of tokens whose queries are computed at a time.
  private static let rowsPerPass = 1024

  /// Learns the routing key of each of `prefixes` by weighted least squares: its logits
  /// approximate, in nats, how much likelier each token of the vocabulary is after the prompt than
  /// without it.
  ///
  /// Half of a token's weight is its mean probability with the prompt and without; half is uniform,
  /// so that the logits of rare words, which are many in a text taken together, are fitted too.
  ///
  /// - Parameter progress: called with the tokens of the vocabulary done and to do, before the
  ///   first and after each part.
  /// - Throws: `invalidData` if the model's predictions, the first block's queries or the fitted
  ///   values aren't finite.
  package static func learn(
    _ prefixes: PromptPrefixes,
    progress: ProgressHandler = .none
  ) throws(Failure) -> [RoutingKey] {
    let model = prefixes.model
    let vocabulary = model.configuration.vocabularySize
    try progress.report(0, of: vocabulary)
    let prompted = try UnigramPriors.logarithms(after: prefixes)
    let plain = try UnigramPriors.logarithms(in: model)
    let window = RoutingRule.keys.usualTokens ?? 1
    /// Queries of `ids` [ids, heads·headDim] after a prompt of `start` rows, spread over the
    /// positions of the deciding tokens, any of which a token may have.
    func queries(_ ids: [Int32], after start: Int) throws(Failure) -> Tensor {
      let last = min(start + window, model.configuration.positionLimit ?? .max)
      let places = max(1, last - start)
      return try model.firstQueries(ids, at: ids.map { Int32(last - 1 - Int($0) % places) })
    }
    let sample = min(rowsPerPass, vocabulary)
    let starts = prefixes.queryStarts
    var scales: [Int: WeightedRidge.Scale] = [:]
    for start in Set(starts) {
      scales[start] = WeightedRidge.Scale(
        of: try queries((0..<sample).map { Int32($0 * vocabulary / sample) }, after: start))
    }
    let fits = starts.compactMap { scales[$0] }.map { WeightedRidge($0) }
    for first in stride(from: 0, to: vocabulary, by: rowsPerPass) {
      let ids = (first..<min(vocabulary, first + rowsPerPass)).map { Int32($0) }
      var queriesByStart: [Int: Tensor] = [:]
      for start in scales.keys { queriesByStart[start] = try queries(ids, after: start) }
      for (prompt, (fit, start)) in zip(fits, starts).enumerated() {
        guard let q = queriesByStart[start] else { continue }
        var (weights, gains): ([Float], [Float]) = ([], [])
        for id in ids.map({ Int($0) }) {
          let (with, none) = (prompted[prompt, id], plain[0, id])
          weights.append((exp(with) + exp(none)) / 4 + 0.5 / Float(vocabulary))
          gains.append(with - none)
        }
        fit.add(q, weights: weights, y: gains)
      }
      try progress.report(first + ids.count, of: vocabulary)
    }
    let root = Double(model.configuration.headDim).squareRoot()
    var keys: [RoutingKey] = []
    for fit in fits {
      guard let solution = fit.solve(damping: damping) else {
        throw model.notFinite(
          at: "layer 0", "a query is not a finite number, so no routing key can be learned")
      }
      keys.append(
        RoutingKey(
          key: solution.coefficients.map { Float($0 * root) }, bias: Float(solution.intercept),
          explained: solution.explained))
    }
    return keys
  }
}
