import Bytes

/// One step of a build, from digested inputs to files in the store.
package protocol Stage: Sendable {
  /// Handles of the inputs, made by declaring them. `run` can read nothing else.
  associatedtype Inputs

  var name: String { get }
  /// Raised whenever the same inputs and parameters would give other bytes than before.
  var algorithmVersion: Int { get }
  /// Everything besides the inputs that decides the result; no paths, no times.
  var parameters: JSON { get }
  /// Declares everything that the stage reads.
  func declareInputs(in list: inout InputList) -> Inputs
  /// Everything that the stage makes.
  var outputs: [StageOutput] { get }
  /// Whether floating-point arithmetic decides the result.
  var usesKernels: Bool { get }
  /// How much there is to do, in units that mean about the same time in every stage (10⁹
  /// multiply-adds).
  var work: Double { get }
  /// Work per second relative to that of a plain product in bfloat16, as measured on SmolLM2-135M.
  var pace: Double { get }
  /// Memory and disk that the stage takes, estimated.
  var needs: StageNeeds { get }
  /// What is counted while it runs: "block", "step", "window".
  var unit: String { get }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult
}

extension Stage {
  package var pace: Double { 1 }
  package var needs: StageNeeds { StageNeeds() }

  /// The declared inputs, in the order of their declaration.
  package var inputs: [StageInput] {
    var list = InputList()
    _ = declareInputs(in: &list)
    return list.inputs
  }

  func run(_ context: StageContext) throws -> StageResult {
    var list = InputList()
    let inputs = declareInputs(in: &list)
    return try run(context, inputs)
  }
}

/// A file that a stage makes, by the stage's name and its own.
package struct StageOutput: Sendable, Hashable {
  package let stage: String
  package let name: String

  package init(_ name: String, of stage: String) {
    self.stage = stage
    self.name = name
  }
}

/// The files that a run of a stage made.
package struct StageResult: Sendable {
  package enum Content: Sendable {
    case bytes([UInt8])
    /// A finished, durable file in the stage's scratch space.
    case file(String)
  }

  package var outputs: [StageOutput: Content]
  package var summary: JSON

  package init(outputs: [StageOutput: Content], summary: JSON = .object([:])) {
    self.outputs = outputs
    self.summary = summary
  }
}
