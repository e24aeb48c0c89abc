import BundleFormat
import Bytes
import Checkpoints

/// A learned vector per first-block attention head, which texts use to find a prompt.
///
/// A token's logit, bias + Σₕ qₕ·keyₕ/√headDim over heads h, estimates in nats how much likelier
/// the token is after the prompt than without it. It doesn't depend on positions: queries are taken
/// before rotary embedding. A key is learned for one prompt on one set of weights; keys learned on
/// another compression of the model lead fewer texts to their prompt
/// (Tests/Benchmarks/Results/routing.md). Choosing prompts by the distance of a query to learned
/// keys: Learning to Prompt, arXiv 2112.08654.
package struct RoutingKey: Sendable, Equatable {
  /// The heads' vectors [heads·headDim].
  package let key: [Float]
  /// Bias of the logits, in nats.
  package let bias: Float
  /// Share of the log-likelihood gains' variance over the vocabulary that the logits explain, 0 ...
  /// 1.
  package let explained: Double

  package init(key: [Float], bias: Float, explained: Double) {
    self.key = key
    self.bias = bias
    self.explained = explained
  }

  /// The routing key that a bundle stores.
  package init(_ stored: StoredRoutingKey) {
    self.init(key: stored.key, bias: stored.bias, explained: stored.explained)
  }

  /// Checks that the key fits the model's queries.
  /// - Throws: `invalidData` if it doesn't.
  package func check(_ c: ModelConfiguration) throws(Failure) {
    guard key.count == c.heads * c.headDim else {
      throw Failure(
        .invalidData,
        "the routing key has \(key.count) numbers; the model's queries have \(c.heads * c.headDim)",
        advice: "use a key that was learned in this model")
    }
  }
}
