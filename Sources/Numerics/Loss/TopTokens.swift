import Bytes
import CKernels
import Glibc

/// The k most likely tokens of hidden rows and their probabilities, the soft targets of
/// distillation.
package enum TopTokens {
  private static let tile = 256
  private static let rowsAtOnce = 300

  /// Returns the k ≤ V most likely tokens of each row of `hidden` [m, d] through `head` [V, d], in
  /// descending order of probability.
  package static func run(
    hidden: Tensor, head: Weight, k: Int, arithmetic: Arithmetic = .float32
  ) -> SoftTargets {
    precondition(k > 0 && k <= head.rows, "\(k) of \(head.rows) tokens")
    var ids: [Int32] = []
    var (probabilities, tails) = ([Float](), [Float]())
    for start in stride(from: 0, to: hidden.rows, by: rowsAtOnce) {
      let rows = hidden.rows(start..<min(hidden.rows, start + rowsAtOnce))
      let candidates = Candidates(rows, head, k, arithmetic.available)
      for row in 0..<rows.rows {
        var tail = 1.0
        for (id, probability) in candidates.best(of: row) {
          ids.append(id)
          probabilities.append(probability)
          tail -= Double(probability)
        }
        tails.append(Float(max(0, tail)))
      }
    }
    return SoftTargets(k: k, ids: ids, probabilities: probabilities, tails: tails)
  }

  /// The k highest logits and the softmax of some rows, for each part of the vocabulary.
  private struct Candidates {
    let k: Int
    var values: [Tensor] = []
    var ids: [[Int32]] = []
    var softmaxes: [RunningSoftmax] = []

    init(_ hidden: Tensor, _ head: Weight, _ k: Int, _ arithmetic: Arithmetic) {
      self.k = k
      let (m, parts) = (hidden.rows, VocabularyTiles.parts)
      let tiles = VocabularyTiles(hidden, head, arithmetic)
      // Ids are stored as the bit patterns of floats, so that threads can write them concurrently.
      let names = (0..<parts).map { _ in Tensor([m, k]) }
      for _ in 0..<parts {
        values.append(Tensor([m, k]))
        softmaxes.append(RunningSoftmax(rows: m))
      }
      let (values, softmaxes) = (values, softmaxes)
      Parallel.forEach(parts) { part in
        values[part].fill(-.infinity)
        tiles.forEachTile(tile, part: part) { range, logits, _ in
          var top = unsafe ctk_top_tokens(
            logits: logits.pointer, stride: tile, rows: m, n: range.count,
            first: Int32(range.lowerBound), k: k)
          unsafe names[part].pointer.withMemoryRebound(to: Int32.self, capacity: m * k) {
            unsafe ctk_top_tokens(&top, values[part].pointer, $0)
          }
          softmaxes[part].add(logits, count: range.count)
        }
      }
      ids = names.map { $0.values.map { Int32(bitPattern: $0.bitPattern) } }
    }

    /// Returns the row's k most likely tokens over all parts; ties are in the vocabulary's order.
    func best(of row: Int) -> [(Int32, Float)] {
      let logSum = RunningSoftmax.logSum(of: row, softmaxes)
      var places = [Int](repeating: 0, count: values.count)
      return (0..<k).map { _ in
        var winner = 0
        var value = -Float.infinity
        for part in values.indices where places[part] < k {
          let candidate = values[part][row * k + places[part]]
          if candidate > value { (winner, value) = (part, candidate) }
        }
        let id = ids[winner][row * k + places[winner]]
        places[winner] += 1
        return (id, exp(value - logSum))
      }
    }
  }
}
