import Bytes
import RecipeFields

/// The share or pattern of a matrix's weights that becomes exactly 0.
package enum Sparsity: Sendable, Hashable {
  case none
  /// This share of all weights, 0 < share < 1, wherever it costs least.
  case share(Double)
  /// n:m sparsity: `kept` of every `of` neighbouring columns of a row are kept, as in 2:4 and 4:8.
  case pattern(kept: Int, of: Int)

  /// "50%" or "0.5" → a share, "2:4" → a pattern, "none"; nil for anything else.
  package init?(_ text: String) {
    if text == "none" {
      self = .none
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2, let kept = Int(parts[0]), let of = Int(parts[1]) {
      self = .pattern(kept: kept, of: of)
    } else if text.hasSuffix("%"), let percent = Double(text.dropLast()) {
      self = .share(percent / 100)
    } else if let share = Double(text) {
      self = share == 0 ? .none : .share(share)
    } else {
      return nil
    }
  }

  /// The share of weights that are dropped, 0..<1.
  package var share: Double {
    switch self {
    case .none: 0
    case .share(let share): share
    case .pattern(let kept, let of): 1 - Double(kept) / Double(of)
    }
  }

  /// The spelling in recipes: "none", "0.5" or "2:4".
  package var label: String {
    switch self {
    case .none: "none"
    case .share(let share): "\(share)"
    case .pattern(let kept, let of): "\(kept):\(of)"
    }
  }

  /// The reason why no matrix can have this sparsity; nil if it is valid.
  var contradiction: FieldContradiction? {
    switch self {
    case .none: nil
    case .share(let share):
      share > 0 && share < 1
        ? nil
        : FieldContradiction(
          "a sparsity of \(share) lies outside 0…1", advice: "0.5 drops half of the weights")
    case .pattern(let kept, let of):
      kept >= 1 && kept < of && of <= 32
        ? nil
        : FieldContradiction(
          "\(kept):\(of) isn't a valid pattern: n:m needs 1 ≤ n < m ≤ 32",
          advice: "2:4 keeps two of every four weights")
    }
  }

  /// Checks that a pattern isn't wider than a row of `columns`.
  ///
  /// - Throws: `Failure(.usage)` naming the tensor.
  func validate(columns: Int?, tensor: String?) throws(Failure) {
    if case .pattern(let kept, let of) = self, let columns, of > columns {
      throw Failure(
        .usage, at: tensor, "\(kept):\(of) needs \(of) columns, a row has \(columns)")
    }
  }
}
