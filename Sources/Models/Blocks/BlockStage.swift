import Checkpoints

/// A set of linear layers that share one input; the cases are in the order in which a block runs
/// them.
///
/// Calibration goes through the stages in this order ("true sequential", GPTQ §4), so that a later
/// stage sees the error of those before it.
package enum BlockStage: Int, CaseIterable, Sendable, Codable {
  case queryKeyValue, output
  /// The feed-forward's layers before its activation: gate and up, or up alone.
  case gateUp
  case down

  /// Whether the stage's output is added to the residual stream.
  package var addsToStream: Bool { self == .output || self == .down }
}

extension LinearName {
  /// The stage that runs this layer.
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
