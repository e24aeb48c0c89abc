import Bytes
import Checkpoints
import Numerics

/// What the queries of the model's first block find a prompt by, a key for each of their heads. It stands
/// wherever the query does, so that positions play no part.
///
/// A token's logit, the sum of q·key/√headDim over heads and a bias, says by how many nats it is likelier
/// behind the prompt than behind nothing, whatever else stands before it. Keys are learned one by one, for the
/// weights as they are: with those that were learned on another compression, fewer texts find their prompt
/// (Tests/Benchmarks/Results/routing.md). (Prompts with keys that queries find them
/// by: Learning to Prompt, arXiv 2112.08654.)
package struct RoutingKey: Sendable, Equatable {
  /// [heads·headDim]
  package let key: [Float]
  package let bias: Float
  /// The share that the logit explains of what it stands for, over the vocabulary, 0 ... 1.
  package let explained: Double

  package init(key: [Float], bias: Float, explained: Double) {
    self.key = key
    self.bias = bias
    self.explained = explained
  }

  /// Chooses by the mean logit of `ids` for each prompt's key.
  static func choose(
    _ ids: [Int32], behind prefixes: PromptPrefixes, among keys: [RoutingKey]
  ) throws(Failure) -> PromptChoice {
    let model = prefixes.model
    try model.configuration.checkPositions(prefixes.longest + ids.count)
    let scale = 1 / Double(model.configuration.headDim).squareRoot()
    let starts = prefixes.queryStarts
    var means: [Int: [Double]] = [:]
    for start in Set(starts) { means[start] = try meanQuery(ids, behind: start, in: model) }
    return PromptChoice(
      scores: zip(keys, starts).map { key, start in
        let logit = zip(means[start] ?? [], key.key).reduce(0) { $0 + $1.0 * Double($1.1) }
        return Double(key.bias) + scale * logit
      })
  }

  /// The mean of the queries of `ids` behind `start` rows [heads·headDim].
  private static func meanQuery(
    _ ids: [Int32], behind start: Int, in model: LanguageModel
  ) throws(Failure) -> [Double] {
    let queries = try model.firstQueries(ids, at: ids.indices.map { Int32(start + $0) })
    var mean = [Double](repeating: 0, count: queries.columns)
    for row in 0..<queries.rows {
      for (column, value) in queries.rows(row..<row + 1).values.enumerated() {
        mean[column] += Double(value) / Double(queries.rows)
      }
    }
    return mean
  }

  /// - Throws: `invalidData` where the key is of another model.
  func check(_ c: ModelConfiguration) throws(Failure) {
    guard key.count == c.heads * c.headDim else {
      throw Failure(
        .invalidData,
        "a routing key of \(key.count) numbers; the model's queries have \(c.heads * c.headDim)")
    }
  }
}

extension PromptPrefixes {
  /// Where, for each prompt, the first token behind it stands as far as queries before rotation know: where
  /// positions are learned, behind the prompt; else it is all one to them.
  var queryStarts: [Int] {
    model.input.positions == nil ? lengths.map { _ in 0 } : lengths
  }
}
