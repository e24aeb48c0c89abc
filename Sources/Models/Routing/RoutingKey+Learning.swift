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
  /// - Throws: `notMet` where the model's values aren't finite.
  public static func learn(
    _ prefixes: PromptPrefixes, in model: LanguageModel
  ) throws(Failure) -> [RoutingKey] {
    let vocabulary = model.configuration.vocabularySize
    let behind = try WordExpectations.logarithms(behind: prefixes, in: model)
    let without = try WordExpectations.logarithms(in: model)
    let window = PromptRouting.usual(.keys) ?? 1
    // A token may stand anywhere among those that decide.
    let last = min(prefixes.tokens + window, model.configuration.positionLimit ?? .max)
    let places = max(1, last - prefixes.tokens)
    func queries(_ ids: [Int32]) throws(Failure) -> Tensor {
      try model.firstQueries(ids, at: ids.map { Int32(last - 1 - Int($0) % places) })
    }
    let sample = min(rowsAtOnce, vocabulary)
    let scale = WeightedRidge.Scale(
      of: try queries((0..<sample).map { Int32($0 * vocabulary / sample) }))
    let fits = (0..<prefixes.count).map { _ in WeightedRidge(scale) }
    for start in stride(from: 0, to: vocabulary, by: rowsAtOnce) {
      let ids = (start..<min(vocabulary, start + rowsAtOnce)).map { Int32($0) }
      let q = try queries(ids)
      for (prompt, fit) in fits.enumerated() {
        var (weights, gains): ([Float], [Float]) = ([], [])
        for id in ids.map({ Int($0) }) {
          let (with, none) = (behind[prompt, id], without[0, id])
          weights.append((exp(with) + exp(none)) / 4 + 0.5 / Float(vocabulary))
          gains.append(with - none)
        }
        fit.add(q, weights: weights, y: gains)
      }
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
