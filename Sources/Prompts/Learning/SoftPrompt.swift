import Bytes
import Models
import Numerics

/// A learnable soft prompt: rows [n, e] before the token embeddings.
package struct SoftPrompt: Learnable {
  package let model: LanguageModel
  /// The number n of learned rows.
  package let tokens: Int
  /// Frozen rows [s, e] before the learned ones, an attention sink; nil for none.
  package let frozen: Tensor?
  private let objective: PromptObjective

  /// - Parameter budget: the memory for the backward pass; affects the time taken, not the results.
  package init(
    _ model: LanguageModel, tokens: Int, frozen: Tensor? = nil, budget: MemoryBudget = .standard
  ) throws(Failure) {
    if let frozen { try model.check(prompt: frozen) }
    self.model = model
    self.tokens = tokens
    self.frozen = frozen
    objective = PromptObjective(model, budget: budget)
  }

  package var shapes: [MatrixShape] { [MatrixShape(rows: tokens, columns: width)] }
  private var width: Int { model.configuration.embeddingSize }

  /// All rows [s + n, e], the frozen ones first.
  package func vectors(_ parameters: [Float]) -> Tensor {
    guard let frozen else { return Tensor([tokens, width], parameters) }
    return Tensor([frozen.rows + tokens, width], frozen.values + parameters)
  }

  package func gradient(
    of sequences: [[Int32]], against target: LossTarget, at parameters: [Float]
  ) throws(Failure) -> (loss: Double, gradient: [Float]) {
    let (loss, slope) = try objective.gradient(
      sequences: sequences, prompt: vectors(parameters), against: target)
    return (loss, slope.rows((frozen?.rows ?? 0)..<slope.rows).values)
  }

  package func adapter(with parameters: [Float]) throws(Failure) -> Adapter {
    .prompt(vectors(parameters))
  }
}
