import Bytes
import CKernels
import Glibc

/// The most likely tokens of hidden rows and their probabilities: what a student needs to know of
/// its teacher.
package enum TopTokens {
  private static let tile = 256
  private static let rowsAtOnce = 300

  /// The k most likely tokens of each row of `hidden` [m, d] through `head` [V, d], most likely
  /// first, with their probabilities; k ≤ V.
  package static func run(
    hidden: Tensor, head: Weight, k: Int, arithmetic: Arithmetic = .float32
  ) -> SoftTargets {
    precondition(k > 0 && k <= head.rows, "\(k) of \(head.rows) tokens")
    var ids: [Int32] = []
    var (probabilities, tails) = ([Float](), [Float]())
    for start in stride(from: 0, to: hidden.rows, by: rowsAtOnce) {
      let rows = hidden.rows(start..<min(hidden.rows, start + rowsAtOnce))
      let found = Found(rows, head, k, arithmetic.available)
      for row in 0..<rows.rows {
        var tail = 1.0
        for (id, probability) in found.best(of: row) {
          ids.append(id)
          probabilities.append(probability)
          tail -= Double(probability)
        }
        tails.append(Float(max(0, tail)))
      }
    }
    return SoftTargets(k: k, ids: ids, probabilities: probabilities, tails: tails)
  }

  /// What the parts of the vocabulary have found for some rows.
  private struct Found {
    let k: Int
    var values: [Tensor] = []
    var ids: [[Int32]] = []
    var softmaxes: [RunningSoftmax] = []

    init(_ hidden: Tensor, _ head: Weight, _ k: Int, _ arithmetic: Arithmetic) {
      self.k = k
      let (m, parts) = (hidden.rows, VocabularyTiles.parts)
      let tiles = VocabularyTiles(hidden, head, arithmetic)
      // Ids as the bits of floats, so that threads can fill them side by side.
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

    /// The best of all parts, in the vocabulary's order where equal.
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
