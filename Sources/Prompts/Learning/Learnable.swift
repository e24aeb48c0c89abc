import Bytes
import Models

/// A trainable adapter of a frozen model. Its parameters are matrices, one after the other in a
/// flat array.
package protocol Learnable {
  /// The frozen model.
  var model: LanguageModel { get }
  /// The shapes of the matrices, in parameter order.
  var shapes: [MatrixShape] { get }

  /// The mean loss of a batch in nats per scored token, and its gradient in parameter order.
  ///
  /// - Parameter sequences: windows of equal length.
  func gradient(
    of sequences: [[Int32]], against target: LossTarget, at parameters: [Float]
  ) throws(Failure) -> (loss: Double, gradient: [Float])

  /// The adapter with these parameters, ready for use with the model.
  func adapter(with parameters: [Float]) throws(Failure) -> Adapter
}

/// The shape of a matrix of parameters.
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
  /// A scorer of texts with the adapter of `parameters`.
  func scorer(with parameters: [Float]) throws(Failure) -> Scorer {
    try Scorer(model, adapter: adapter(with: parameters))
  }

  /// The number of parameters in all matrices.
  package var parameterCount: Int { shapes.reduce(0) { $0 + $1.count } }
}
