import Checkpoints

/// The sets of linear layers that share one input, in the order in which a block runs them.
///
/// Calibration goes through them in this order ("true sequential", GPTQ §4): a later set sees the
/// error of the sets before it.
package enum BlockStage: Int, CaseIterable, Sendable, Codable {
  case queryKeyValue, output
  /// The layers that widen the rows for the activation: gate and up, or up alone.
  case gateUp
  case down

  /// Whether the layer's output is added to the residual stream.
  package var addsToStream: Bool { self == .output || self == .down }
}

extension LinearName {
  package var stage: BlockStage {
    switch self {
    case .q, .k, .v: .queryKeyValue
    case .o: .output
    case .gate, .up: .gateUp
    case .down: .down
    }
  }
}

extension ModelConfiguration {
  /// The linear layers of a stage; at least one.
  package func linears(of stage: BlockStage) -> [LinearName] {
    linears.filter { $0.stage == stage }
  }
}
