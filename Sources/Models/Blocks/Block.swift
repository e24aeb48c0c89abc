import Bytes
import Checkpoints
import Numerics

/// One transformer block: attention and a feed-forward, each added to the residual stream, each
/// with a norm before it (LLaMA and most of OPT) or after it (OPT 350M).
///
///     x [R, d] → norm → q k v → positions → attention → o → + x
///              → norm → feed-forward → +
package struct Block: Sendable {
  package let index: Int
  package let configuration: ModelConfiguration
  /// Requested arithmetic for products with this block's weights.
  package var arithmetic = Arithmetic.float32
  package let norms: BlockNorms
  /// Norms of single heads' queries and keys; nil if the model has none.
  package let headNorms: HeadNorms?
  /// Query projection [heads·headDim, d].
  package internal(set) var q: Linear
  /// Key projection [kvHeads·headDim, d].
  package internal(set) var k: Linear
  /// Value projection [kvHeads·headDim, d].
  package internal(set) var v: Linear
  /// Output projection [d, heads·headDim].
  package internal(set) var o: Linear
  package internal(set) var feedForward: FeedForward

  /// - Parameters:
  ///   - attentionNorm: attention's norm, before or after it.
  ///   - feedForwardNorm: the feed-forward's norm, before or after it.
  ///   - linear: returns the linear layer of a name; called once for each layer of the block.
  package init(
    index: Int, configuration: ModelConfiguration, attentionNorm: Norm, feedForwardNorm: Norm,
    headNorms: HeadNorms? = nil, linear: (LinearName) throws(Failure) -> Linear
  ) throws(Failure) {
    self.index = index
    self.configuration = configuration
    norms = BlockNorms(
      configuration.design.normPlacement, attention: attentionNorm, feedForward: feedForwardNorm)
    self.headNorms = headNorms
    q = try linear(.q)
    k = try linear(.k)
    v = try linear(.v)
    o = try linear(.o)
    feedForward = try FeedForward(configuration.design.feedForward, linear: linear)
  }

  /// The linear layer `name`, one of `ModelConfiguration.linears`.
  package subscript(name: LinearName) -> Linear {
    get {
      switch name {
      case .q: return q
      case .k: return k
      case .v: return v
      case .o: return o
      case .up: return feedForward.up
      case .down: return feedForward.down
      case .gate:
        guard let gate = feedForward.gate else { preconditionFailure("this block has no gate") }
        return gate
      }
    }
    set {
      switch name {
      case .q: q = newValue
      case .k: k = newValue
      case .v: v = newValue
      case .o: o = newValue
      case .up: feedForward.up = newValue
      case .down: feedForward.down = newValue
      case .gate:
        precondition(feedForward.gate != nil, "this block has no gate")
        feedForward.gate = newValue
      }
    }
  }
}
