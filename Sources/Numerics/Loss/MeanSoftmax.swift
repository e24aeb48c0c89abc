import Bytes
import Foundation

/// The mean of several distributions over the vocabulary.
package enum MeanSoftmax {
  /// Writes row[v] = log(mean over r of softmax(logits[r])[v]) for logits [n, V] and `row` [1, V],
  /// clamped from below to the logarithm of the smallest normal number.
  package static func logarithms(_ logits: Tensor, into row: Tensor) {
    let vocabulary = logits.columns
    precondition(
      logits.rows > 0 && row.rows == 1 && row.columns == vocabulary && !row.isReadOnly,
      "\(logits.shape) into \(row.shape)")
    let totals = Tensor([logits.rows])
    Parallel.forEach(logits.rows) { r in
      let values = unsafe UnsafeBufferPointer(
        start: logits.pointer + r * vocabulary, count: vocabulary)
      let top = unsafe values.reduce(-Float.infinity) { max($0, $1) }
      let sum = unsafe values.reduce(0.0) { $0 + Double(exp($1 - top)) }
      totals[r] = top + Float(log(sum))
    }
    Parallel.ranges(vocabulary, grain: 4096) { range in
      for id in range {
        var sum: Float = 0
        for r in 0..<logits.rows {
          sum += unsafe exp(logits.pointer[r * vocabulary + id] - totals.pointer[r])
        }
        unsafe row.pointer[id] = log(max(sum / Float(logits.rows), .leastNormalMagnitude))
      }
    }
  }
}
