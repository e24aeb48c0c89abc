import Bytes
import Models

/// An adapter being learned beside frozen weights: matrices of parameters, one after the other in a
/// flat array.
package protocol Learnable {
  /// The frozen model.
  var model: LanguageModel { get }
  /// Rows and columns of each matrix, in the order of the parameters.
  var shapes: [MatrixShape] { get }

  /// The mean loss of a batch in nats per scored token, and its gradient in the order of the
  /// parameters.
  ///
  /// - Parameter sequences: of one length.
  func gradient(
    of sequences: [[Int32]], against target: LossTarget, at parameters: [Float]
  ) throws(Failure) -> (loss: Double, gradient: [Float])

  /// The adapter with these parameters, ready for use with the model.
  func adapter(with parameters: [Float]) throws(Failure) -> Adapter
}

package struct MatrixShape: Sendable, Equatable {
  package var rows: Int
  package var columns: Int

  package init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
  }

  package var count: Int { rows * columns }
}

extension Learnable {
  /// Scores texts with the parameters in use.
  func scorer(with parameters: [Float]) throws(Failure) -> Scorer {
    try Scorer(model, adapter: adapter(with: parameters))
  }

  package var parameterCount: Int { shapes.reduce(0) { $0 + $1.count } }
}
