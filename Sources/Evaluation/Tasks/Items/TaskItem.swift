import Bytes

/// One row of a task as it is put to a model: contexts, what may follow them, and what is right.
package struct TaskItem: Sendable {
  /// A context with its continuation, whose likelihood counts.
  package struct Pair: Sendable, Equatable {
    package let context: String
    package let continuation: String

    package init(context: String, continuation: String) {
      self.context = context
      self.continuation = continuation
    }
  }

  /// The row's number, from 1.
  package let row: Int
  /// The line on which the row begins.
  package let line: Int
  /// The pairs to score, one per choice; for a generated text, its context without a continuation.
  package let pairs: [Pair]
  /// The choices, or the accepted texts.
  package let choices: [String]
  /// The places of the right choices.
  package let gold: [Int]
}

extension TaskItem {
  /// The lengths by which `acc_norm` divides: code points of each choice, without the delimiter.
  package var lengths: [Int] { choices.map(\.unicodeScalars.count) }
}
