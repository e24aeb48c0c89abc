import Bytes
import Checkpoints
import Numerics

/// One transformer block of the LLaMA family: normalised attention and a gated feed-forward, each
/// added to the residual stream. Keys as in the checkpoint (`model.layers.N.…`).
///
///     x [R, d] → RMSNorm(input_layernorm) → q k v → rotary → attention → o → + x
///              → RMSNorm(post_attention_layernorm) → gate, up → silu(gate)·up → down → +
public struct Block: Sendable {
  public let index: Int
  public let configuration: ModelConfiguration
  /// Of the products with this block's weights.
  public var arithmetic = Arithmetic.float32
  /// Gain [d] of `input_layernorm`.
  public var inputNorm: Tensor
  /// [heads·headDim, d]
  public var q: Linear
  /// [kvHeads·headDim, d]
  public var k: Linear
  /// [kvHeads·headDim, d]
  public var v: Linear
  /// [d, heads·headDim]
  public var o: Linear
  /// Gain [d] of `post_attention_layernorm`.
  public var postNorm: Tensor
  /// [intermediate, d]
  public var gate: Linear
  /// [intermediate, d]
  public var up: Linear
  /// [d, intermediate]
  public var down: Linear

  public init(
    index: Int, configuration: ModelConfiguration, inputNorm: Tensor, postNorm: Tensor,
    linear: (LinearName) throws(Failure) -> Linear
  ) throws(Failure) {
    self.index = index
    self.configuration = configuration
    self.inputNorm = inputNorm
    self.postNorm = postNorm
    q = try linear(.q)
    k = try linear(.k)
    v = try linear(.v)
    o = try linear(.o)
    gate = try linear(.gate)
    up = try linear(.up)
    down = try linear(.down)
  }

  public subscript(name: LinearName) -> Linear {
    get { self[keyPath: Self.path(name)] }
    set { self[keyPath: Self.path(name)] = newValue }
  }

  private static func path(_ name: LinearName) -> WritableKeyPath<Block, Linear> {
    switch name {
    case .q: \.q
    case .k: \.k
    case .v: \.v
    case .o: \.o
    case .gate: \.gate
    case .up: \.up
    case .down: \.down
    }
  }
}

extension ModelConfiguration {
  /// Rows (outputs) and columns (inputs) of a block's linear layer.
  public func shape(of name: LinearName) -> (rows: Int, columns: Int) {
    switch name {
    case .q: (heads * headDim, hiddenSize)
    case .k, .v: (kvHeads * headDim, hiddenSize)
    case .o: (hiddenSize, heads * headDim)
    case .gate, .up: (intermediateSize, hiddenSize)
    case .down: (hiddenSize, intermediateSize)
    }
  }
}
