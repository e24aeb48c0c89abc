import BundleFormat
import Bytes
import Checkpoints

/// A learned vector per first-block attention head, by which texts find a prompt.
///
/// A token's logit, bias + Σₕ qₕ·keyₕ/√headDim over heads h, estimates in nats how much likelier the token
/// is after the prompt than without it. It doesn't depend on positions: queries are taken before
/// rotation. A key is learned for one prompt on the weights as they are; keys learned on another
/// compression of the model lead fewer texts to their prompt (Tests/Benchmarks/Results/routing.md).
/// Choosing prompts by the distance of a query to learned keys: Learning to Prompt, arXiv 2112.08654.
package struct RoutingKey: Sendable, Equatable {
  /// [heads·headDim]
  package let key: [Float]
  package let bias: Float
  /// The share of the likelihood gains' variance over the vocabulary that the logits explain, 0 ... 1.
  package let explained: Double

  package init(key: [Float], bias: Float, explained: Double) {
    self.key = key
    self.bias = bias
    self.explained = explained
  }

  package init(_ stored: StoredRoutingKey) {
    self.init(key: stored.key, bias: stored.bias, explained: stored.explained)
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
