import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics

/// A learnable prefix or LoRA adapter: parameters inside a model's blocks.
package struct LearnableAdapter: Learnable {
  package let model: LanguageModel
  package let shape: AdapterShape
  package let shapes: [MatrixShape]
  private let objective: PromptObjective

  /// - Parameter budget: the memory for the backward pass; affects the time taken, not the results.
  package init(_ model: LanguageModel, shape: AdapterShape, budget: MemoryBudget = .standard) {
    self.model = model
    self.shape = shape
    shapes = shape.matrices
    objective = PromptObjective(model, budget: budget)
  }

  package func adapter(with parameters: [Float]) throws(Failure) -> Adapter {
    try shape.adapter(parameters, for: model.configuration)
  }

  package func gradient(
    of sequences: [[Int32]], against target: LossTarget, at parameters: [Float]
  ) throws(Failure) -> (loss: Double, gradient: [Float]) {
    let (loss, slope) = try objective.gradient(
      sequences: sequences, adapter: adapter(with: parameters), against: target)
    return (loss, slope.values)
  }
}

extension AdapterShape {
  /// The shapes of the parameter matrices, in order.
  fileprivate var matrices: [MatrixShape] {
    switch self {
    case .embeddings(let tokens, let width, _): [MatrixShape(rows: tokens, columns: width)]
    case .prefix(let tokens, let layers, let width):
      Array(repeating: MatrixShape(rows: tokens, columns: width), count: 2 * layers)
    case .lowRank(let shape):
      shape.targets.flatMap { target in
        [
          MatrixShape(rows: shape.rank, columns: target.inputs),
          MatrixShape(rows: target.outputs, columns: shape.rank),
        ]
      }
    }
  }
}
