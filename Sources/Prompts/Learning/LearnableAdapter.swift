import Bytes
import Checkpoints
import Models
import Numerics

/// A prefix, or low-rank parts, as what is learned: numbers inside a model's blocks.
package struct LearnableAdapter: Learnable {
  package let model: LanguageModel
  package let shape: AdapterShape
  package let shapes: [MatrixShape]
  private let objective: PromptObjective

  /// - Parameter budget: for the backward pass; changes the time taken, never the numbers.
  package init(_ model: LanguageModel, shape: AdapterShape, budget: MemoryBudget = .standard) {
    self.model = model
    self.shape = shape
    shapes = shape.matrices(model.configuration)
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
  /// The matrices that the parameters are made of, in their order.
  fileprivate func matrices(_ c: ModelConfiguration) -> [MatrixShape] {
    switch self {
    case .prompt(let tokens): return [MatrixShape(rows: tokens, columns: c.embeddingSize)]
    case .prefix(let tokens):
      let rows = MatrixShape(rows: tokens, columns: c.kvHeads * c.headDim)
      return (0..<2 * c.layers).map { _ in rows }
    case .lowRank(let shape):
      return shape.layers.flatMap { layer in
        let (outputs, inputs) = c.shape(of: layer.name)
        return [
          MatrixShape(rows: shape.rank, columns: inputs),
          MatrixShape(rows: outputs, columns: shape.rank),
        ]
      }
    }
  }
}
