/// The linear layers of one block, by the part of the checkpoint key between `model.layers.N.` and
/// `.weight`.
public enum LinearName: String, CaseIterable, Sendable, Codable {
  case q = "self_attn.q_proj"
  case k = "self_attn.k_proj"
  case v = "self_attn.v_proj"
  case o = "self_attn.o_proj"
  case gate = "mlp.gate_proj"
  case up = "mlp.up_proj"
  case down = "mlp.down_proj"

  /// The checkpoint key of this layer's weight in block `block`.
  public func weightKey(block: Int) -> String { "model.layers.\(block).\(rawValue).weight" }

  /// The checkpoint key of this layer's bias in block `block`; most families have none.
  public func biasKey(block: Int) -> String { "model.layers.\(block).\(rawValue).bias" }

  public var stage: BlockStage {
    switch self {
    case .q, .k, .v: .queryKeyValue
    case .o: .output
    case .gate, .up: .gateUp
    case .down: .down
    }
  }
}

/// The sets of linear layers that share one input, in the order in which a block runs them.
///
/// Calibration goes through them in this order ("true sequential", GPTQ §4): a later set sees the
/// error of the sets before it.
public enum BlockStage: Int, CaseIterable, Sendable, Codable {
  case queryKeyValue, output, gateUp, down

  public var linears: [LinearName] { LinearName.allCases.filter { $0.stage == self } }
}
