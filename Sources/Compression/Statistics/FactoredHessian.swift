import Bytes
import Numerics

/// H made ready for the column loop: ordered, damped, and its inverse factored.
struct FactoredHessian: Sendable {
  /// [k, k] upper U with (H + λI)⁻¹ = UᵀU, rows and columns in solving order.
  let factor: Tensor
  /// The original column at each solving position.
  let order: [Int32]
  /// Original columns whose input never was anything but 0, ascending.
  let deadColumns: [Int]
  /// λ as a share of the mean of H's diagonal, and λ itself.
  let dampingShare: Double
  let damping: Double
  /// How often the damping had to be raised.
  let retries: Int

  /// The largest damping tried. With λ a hundred times the mean, error feedback has no effect left,
  /// so a matrix that still isn't positive definite isn't a second moment at all.
  private static let largestShare = 100.0

  /// - Parameters:
  ///   - inputs: of the same H.
  ///   - together: columns that stay side by side in the solving order (those of an n:m pattern).
  ///   - share: λ / mean of the live diagonal, at first; multiplied by 10 until the factor exists.
  ///   - name: the tensor(s) concerned, for the sentence of a failure.
  /// - Throws: `Failure(.invalidData)` where no damping helps.
  init(
    _ hessian: Hessian, _ inputs: LiveInputs, actOrder: Bool, together: Int = 1,
    damping share: Double, name: String
  ) throws(Failure) {
    let diagonal = hessian.diagonal
    let mean = inputs.mean
    let order = Self.order(diagonal: diagonal, descending: actOrder, together: together)
    // A dead input is tied to no other, so any positive value does; the mean keeps the condition
    // number.
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
        self.deadColumns = inputs.dead
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

  /// Columns by descending mean square, equal ones as they stand; or simply as they stand. Whole
  /// groups of `together` are sorted by their sums; a short last one stays the last.
  private static func order(diagonal: [Float], descending: Bool, together: Int) -> [Int32] {
    guard descending else { return Array(0..<Int32(diagonal.count)) }
    let whole = diagonal.count / together
    let sums = (0..<whole).map { diagonal[$0 * together..<($0 + 1) * together].reduce(0, +) }
    let groups = sums.indices.sorted { sums[$0] != sums[$1] ? sums[$0] > sums[$1] : $0 < $1 }
    let sorted = groups.flatMap { group in (0..<together).map { Int32(group * together + $0) } }
    return sorted + Array(Int32(whole * together)..<Int32(diagonal.count))
  }
}
