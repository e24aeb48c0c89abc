import Bytes
import Numerics

/// The Cholesky factor of a damped Hessian's inverse, with its columns in solving order.
struct FactoredHessian: Sendable {
  /// [k, k] upper U with (H + λI)⁻¹ = UᵀU, rows and columns in solving order.
  let factor: Tensor
  /// The original column at each solving position.
  let order: [Int32]
  /// Original columns whose input is 0 in the whole calibration text, ascending.
  let deadColumns: [Int]
  /// The damping λ as a share of the mean of H's diagonal.
  let dampingShare: Double
  /// The damping λ.
  let damping: Double
  /// The number of times that the damping was raised.
  let retries: Int

  /// The largest damping share that is tried. With λ at a hundred times the mean, error feedback
  /// has no effect; a matrix that still isn't positive definite isn't a second moment.
  private static let largestShare = 100.0

  /// - Parameters:
  ///   - checked: the diagonal of the same H.
  ///   - together: columns that stay side by side in the solving order (those of an n:m pattern).
  ///   - share: the initial λ / mean of the live diagonal, multiplied by 10 until the factor
  ///     exists.
  ///   - name: the tensors that read this input, for error messages.
  /// - Throws: `Failure(.invalidData)` if no damping makes H positive definite.
  init(
    _ hessian: Hessian, _ checked: HessianDiagonal, actOrder: Bool, together: Int = 1,
    damping share: Double, name: String
  ) throws(Failure) {
    let diagonal = hessian.diagonal
    let mean = checked.liveMean
    let order = Self.order(diagonal: diagonal, descending: actOrder, together: together)
    // A dead input correlates with no other, so any positive value works; the mean keeps the
    // condition number.
    let live = order.map { diagonal[Int($0)] == 0 ? Float(mean) : diagonal[Int($0)] }

    var tried = share
    var retries = 0
    while true {
      let lambda = tried * mean
      let damped = live.map { Float(Double($0) + lambda) }
      if let factor = Cholesky.inverseUpperFactor(hessian.matrix, order: order, diagonal: damped),
        factor.firstNonFinite == nil
      {
        self.factor = factor
        self.order = order
        self.deadColumns = checked.deadColumns
        self.dampingShare = tried
        self.damping = lambda
        self.retries = retries
        return
      }
      tried = max(tried * 10, 1e-3)
      retries += 1
      guard tried <= Self.largestShare else {
        throw Failure(
          .invalidData, at: name,
          "the calibration statistics aren't positive definite even with damping \(tried / 10)",
          advice: "calibrate with more text")
      }
    }
  }

  /// The original column at each solving position: by descending mean square with ties in original
  /// order, or all in original order. Whole groups of `together` columns are sorted by their sums;
  /// a short last group stays last.
  private static func order(diagonal: [Float], descending: Bool, together: Int) -> [Int32] {
    guard descending else { return Array(0..<Int32(diagonal.count)) }
    let whole = diagonal.count / together
    let sums = (0..<whole).map { diagonal[$0 * together..<($0 + 1) * together].reduce(0, +) }
    let groups = sums.indices.sorted { sums[$0] != sums[$1] ? sums[$0] > sums[$1] : $0 < $1 }
    let sorted = groups.flatMap { group in (0..<together).map { Int32(group * together + $0) } }
    return sorted + Array(Int32(whole * together)..<Int32(diagonal.count))
  }
}
