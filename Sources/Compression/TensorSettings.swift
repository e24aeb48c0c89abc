import Bytes

/// What decides the codes of a weight matrix.
public enum CompressionMethod: String, Sendable, Hashable, CaseIterable {
  /// Second-order error feedback (arXiv 2210.17323).
  case gptq
  /// Each weight to the nearest point of the same grid: the baseline.
  case roundToNearest = "rtn"
}

/// Everything that a recipe decides about one weight matrix.
public struct TensorSettings: Sendable, Hashable {
  public var method: CompressionMethod
  public var grid: GridSettings
  /// Columns are solved by descending mean square of their input, the important ones while there is
  /// still freedom left to repair their errors.
  public var actOrder: Bool
  /// All grids are fitted to the original weights before the first column is solved.
  public var staticGroups: Bool
  /// Added to H's diagonal, as a share of its mean. 0...1.
  public var damping: Double

  /// - Parameter grid: nil for the one that measured best, 4 bits in groups of 64.
  public init(
    method: CompressionMethod = .gptq, grid: GridSettings? = nil, actOrder: Bool = true,
    staticGroups: Bool = true, damping: Double = 0.01
  ) {
    self.method = method
    self.grid = grid ?? GridSettings(rangeSearch: method == .gptq ? .weighted : .clipped)
    self.actOrder = actOrder
    self.staticGroups = staticGroups
    self.damping = damping
  }

  /// Refuses settings that contradict each other or that a matrix of `columns` inputs can't have.
  ///
  /// - Parameter columns: nil where the shape isn't known yet (a recipe read before its
  ///   checkpoint).
  /// - Throws: `Failure(.usage)` that names the tensor and the way out.
  public func validate(columns: Int? = nil, tensor: String? = nil) throws(Failure) {
    guard GridSettings.packableBits.contains(grid.bits) else {
      throw Failure(
        .usage, at: tensor, "weights of \(grid.bits) bits can't be packed",
        advice: "use 2, 3, 4 or 8 bits")
    }
    if case .columns(let width) = grid.group {
      guard width >= 1 else {
        throw Failure(.usage, at: tensor, "a group of \(width) columns holds nothing")
      }
      if let columns, width > columns {
        throw Failure(
          .usage, at: tensor, "a group of \(width) columns is wider than a row of \(columns)",
          advice: "write `row` for one group per row")
      }
    }
    guard damping >= 0, damping <= 1 else {
      throw Failure(.usage, at: tensor, "damping \(damping) lies outside 0...1")
    }
    if method == .roundToNearest, grid.rangeSearch == .weighted {
      throw Failure(
        .usage, at: tensor, "a weighted range search needs the statistics that rtn doesn't gather",
        advice: "use `clip` or `min-max`")
    }
    // With act-order the columns of a group are met one by one all over the matrix, so there is no
    // "first column" at which its grid could be fitted, and groups on disk are runs of neighbours.
    if method == .gptq, actOrder, !staticGroups, grid.group != .row {
      throw Failure(
        .usage, at: tensor, "act-order with groups needs static groups",
        advice: "turn staticGroups on, or actOrder off")
    }
  }
}
