import Bytes
import Foundation
import Numerics

extension RoutingKey {
  /// On the features' variances of 1. Ten times as much chose worse, a tenth no better.
  private static let damping = 1e-4
  /// Tokens whose queries are computed at a time.
  private static let rowsAtOnce = 1024

  /// Learns a key for each of `prefixes`: the one whose logits come nearest to how much likelier each token
  /// of the vocabulary is behind the prompt, in least squares. Half of the weight lies on tokens as they are
  /// expected, with the prompt and without, half on all alike: without that, rare words, of which a text has
  /// many together, are anyone's.
  ///
  /// - Parameter onPart: called before the first token of the vocabulary and after each part of it, with the
  ///   tokens that are done and those there are; what it throws ends the learning there.
  /// - Throws: `notMet` where the model's values aren't finite.
  package static func learn(
    _ prefixes: PromptPrefixes, in model: LanguageModel,
    onPart: (Int, Int) throws(Failure) -> Void = { _, _ in }
  ) throws(Failure) -> [RoutingKey] {
    let vocabulary = model.configuration.vocabularySize
    try onPart(0, vocabulary)
    let behind = try WordExpectations.logarithms(behind: prefixes, in: model)
    let without = try WordExpectations.logarithms(in: model)
    let window = PromptRouting.usual(.keys) ?? 1
    /// A token may stand anywhere among those that decide.
    func queries(_ ids: [Int32], behind start: Int) throws(Failure) -> Tensor {
      let last = min(start + window, model.configuration.positionLimit ?? .max)
      let places = max(1, last - start)
      return try model.firstQueries(ids, at: ids.map { Int32(last - 1 - Int($0) % places) })
    }
    let sample = min(rowsAtOnce, vocabulary)
    let starts = prefixes.queryStarts
    var scales: [Int: WeightedRidge.Scale] = [:]
    for start in Set(starts) {
      scales[start] = WeightedRidge.Scale(
        of: try queries((0..<sample).map { Int32($0 * vocabulary / sample) }, behind: start))
    }
    let fits = starts.compactMap { scales[$0] }.map { WeightedRidge($0) }
    for first in stride(from: 0, to: vocabulary, by: rowsAtOnce) {
      let ids = (first..<min(vocabulary, first + rowsAtOnce)).map { Int32($0) }
      var asked: [Int: Tensor] = [:]
      for start in scales.keys { asked[start] = try queries(ids, behind: start) }
      for (prompt, (fit, start)) in zip(fits, starts).enumerated() {
        guard let q = asked[start] else { continue }
        var (weights, gains): ([Float], [Float]) = ([], [])
        for id in ids.map({ Int($0) }) {
          let (with, none) = (behind[prompt, id], without[0, id])
          weights.append((exp(with) + exp(none)) / 4 + 0.5 / Float(vocabulary))
          gains.append(with - none)
        }
        fit.add(q, weights: weights, y: gains)
      }
      try onPart(first + ids.count, vocabulary)
    }
    let root = Double(model.configuration.headDim).squareRoot()
    var keys: [RoutingKey] = []
    for fit in fits {
      guard let solution = fit.solve(damping: damping) else {
        throw Failure(.notMet, "no routing key: the first block's queries are not finite numbers")
      }
      keys.append(
        RoutingKey(
          key: solution.coefficients.map { Float($0 * root) }, bias: Float(solution.intercept),
          explained: solution.explained))
    }
    return keys
  }
}
