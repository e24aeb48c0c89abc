import Bytes

/// A step of a build: a deterministic function from digested inputs to files in the store.
package protocol Stage: Sendable {
  /// Handles to the declared inputs, the only files that `run` can read.
  associatedtype Inputs

  /// The name, unique in a build and part of the key.
  var name: String { get }
  /// The version of the stage's algorithm, raised whenever the same inputs and parameters would
  /// give different bytes.
  var algorithmVersion: Int { get }
  /// Everything except the inputs that determines the result; no paths and no times.
  var parameters: JSON { get }
  /// Declares all inputs and returns their handles.
  func declareInputs(in list: inout InputList) -> Inputs
  /// All outputs of the stage.
  var outputs: [StageOutput] { get }
  /// Whether the result depends on floating-point arithmetic.
  var usesKernels: Bool { get }
  /// The amount of work in 10⁹ multiply-adds, a unit that takes about the same time in every stage.
  var work: Double { get }
  /// The work per second relative to a plain bfloat16 matrix product, measured on SmolLM2-135M.
  var pace: Double { get }
  /// The estimated memory and disk space.
  var needs: StageNeeds { get }
  /// The unit of progress: "block", "step", "window".
  var unit: String { get }

  /// Computes the outputs. Saves its progress in `context.partial`, so that an interrupted run can
  /// resume.
  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult
}

extension Stage {
  package var pace: Double { 1 }
  package var needs: StageNeeds { StageNeeds() }

  /// The declared inputs, in declaration order.
  package var inputs: [StageInput] {
    var list = InputList()
    _ = declareInputs(in: &list)
    return list.inputs
  }

  /// Runs the stage with the handles of its declared inputs.
  func run(_ context: StageContext) throws -> StageResult {
    var list = InputList()
    let inputs = declareInputs(in: &list)
    return try run(context, inputs)
  }
}

/// An output file of a stage, identified by the stage's name and its own.
package struct StageOutput: Sendable, Hashable {
  package let stage: String
  package let name: String

  package init(_ name: String, of stage: String) {
    self.stage = stage
    self.name = name
  }
}

/// The outputs of one run of a stage.
package struct StageResult: Sendable {
  package enum Content: Sendable {
    /// The content itself.
    case bytes([UInt8])
    /// A finished, durable file in the stage's scratch space.
    case file(String)
  }

  package var outputs: [StageOutput: Content]
  /// Figures for display and for later stages.
  package var summary: JSON

  package init(outputs: [StageOutput: Content], summary: JSON = .object([:])) {
    self.outputs = outputs
    self.summary = summary
  }
}
