import CKernels

/// The column loop of GPTQ and of round-to-nearest over whole weight matrices.
///
/// Rows don't influence each other, so tiles of 64 rows of all matrices run in parallel, each from
/// its first to its last column on one thread; sums are taken in the order of the tiles.
public enum GPTQKernel {
  /// How an error counts in the range search.
  public enum SearchPower: Sendable {
    case two
    case twoPointFour
  }

  /// A weight matrix, [out, in], and the grid it gets.
  public struct Job: Sendable {
    public var weight: Tensor
    /// [in, in] upper U with H⁻¹ = UᵀU in solving order; nil is round-to-nearest.
    public var factor: Tensor?
    /// Solving position → original column; nil is as they stand.
    public var order: [Int32]?
    /// [in] by original column: weights of the errors in the range search; nil is 1 each.
    public var importance: [Float]?
    /// 1...in.
    public var groupWidth: Int
    /// 2...8.
    public var bits: Int
    public var symmetric: Bool
    /// false needs the columns in their own order.
    public var staticGroups: Bool
    /// 0...99 ranges tried: 1, 0.99, … of the full one.
    public var searchSteps: Int
    public var searchPower: SearchPower
    /// −100...100.
    public var scaleExponent: Int

    public init(
      weight: Tensor, factor: Tensor? = nil, order: [Int32]? = nil, importance: [Float]? = nil,
      groupWidth: Int, bits: Int, symmetric: Bool, staticGroups: Bool = true,
      searchSteps: Int = 0, searchPower: SearchPower = .two, scaleExponent: Int = 0
    ) {
      self.weight = weight
      self.factor = factor
      self.order = order
      self.importance = importance
      self.groupWidth = groupWidth
      self.bits = bits
      self.symmetric = symmetric
      self.staticGroups = staticGroups
      self.searchSteps = searchSteps
      self.searchPower = searchPower
      self.scaleExponent = scaleExponent
    }

    var columns: Int { weight.columns }
    var groups: Int { (columns + groupWidth - 1) / groupWidth }
    var tiles: Int { (weight.rows + GPTQKernel.tileRows - 1) / GPTQKernel.tileRows }
  }

  public struct Solution: Sendable {
    /// [out, in].
    public var codes: [UInt8]
    /// [out, groups] f16 bits.
    public var scales: [UInt16]
    /// [out, groups].
    public var zeros: [UInt8]
    /// [out, in]: (code − zero) · scale · 2^scaleExponent.
    public var restored: Tensor
    /// Σ ((w − q) / U_ii)²; Σ (w − q)² without a factor.
    public var error: Double
    /// Weights more than half a step outside their grid.
    public var clipped: Int
  }

  static let tileRows = Int(CTK_GPTQ_ROWS)

  /// - Parameter baseline: the build for any processor, for tests.
  public static func solve(_ jobs: [Job], baseline: Bool = false) -> [Solution] {
    let running = jobs.map(RunningJob.init)
    var tiles: [(job: Int, tile: Int)] = []
    for (index, job) in jobs.enumerated() {
      for tile in 0..<job.tiles { tiles.append((index, tile)) }
    }
    let work = tiles
    Parallel.forEach(work.count) { index in
      running[work[index].job].solve(tile: work[index].tile, baseline: baseline)
    }
    return running.map { $0.solution() }
  }
}

/// A job's buffers while tiles of it run on several threads; each tile writes its own rows only.
@safe private final class RunningJob: @unchecked Sendable {
  private let job: GPTQKernel.Job
  private let order: [Int32]
  private let position: [Int32]
  private let restored: Tensor
  private let codes: UnsafeMutablePointer<UInt8>
  private let scales: UnsafeMutablePointer<UInt16>
  private let zeros: UnsafeMutablePointer<UInt8>
  private let sums: UnsafeMutablePointer<ctk_gptq_sums>

  init(_ job: GPTQKernel.Job) {
    let columns = job.columns
    precondition(job.weight.shape.count == 2 && (1...columns).contains(job.groupWidth))
    precondition((2...8).contains(job.bits) && (0...99).contains(job.searchSteps))
    precondition((-100...100).contains(job.scaleExponent))
    precondition(job.factor.map { $0.shape == [columns, columns] } ?? true)
    precondition(job.importance.map { $0.count == columns } ?? true)
    let order = job.order ?? Array(0..<Int32(columns))
    precondition(order.count == columns)
    precondition(job.staticGroups || order.indices.allSatisfy { order[$0] == Int32($0) })
    var position = [Int32](repeating: -1, count: columns)
    for (index, column) in order.enumerated() {
      precondition(position[Int(column)] < 0, "column \(column) twice in the solving order")
      position[Int(column)] = Int32(index)
    }
    self.job = job
    self.order = order
    self.position = position
    restored = Tensor(uninitialized: job.weight.shape)
    unsafe codes = .allocate(capacity: job.weight.count)
    unsafe scales = .allocate(capacity: job.weight.rows * job.groups)
    unsafe zeros = .allocate(capacity: job.weight.rows * job.groups)
    unsafe sums = .allocate(capacity: job.tiles)
    unsafe sums.initialize(
      repeating: ctk_gptq_sums(error: 0, clipped: 0), count: job.tiles)
  }

  deinit {
    unsafe codes.deallocate()
    unsafe scales.deallocate()
    unsafe zeros.deallocate()
    unsafe sums.deallocate()
  }

  func solve(tile: Int, baseline: Bool) {
    let columns = job.columns
    let first = tile * GPTQKernel.tileRows
    let rows = min(GPTQKernel.tileRows, job.weight.rows - first)
    let scratch = Tensor(uninitialized: [
      Int(ctk_gptq_scratch(Int32(columns), Int32(job.groupWidth)))
    ])
    unsafe order.withUnsafeBufferPointer { order in
      unsafe position.withUnsafeBufferPointer { position in
        unsafe withOptional(job.importance) { importance in
          var layer = unsafe ctk_gptq_layer(
            factor: job.factor.map { unsafe UnsafePointer($0.pointer) }, order: order.baseAddress,
            position: position.baseAddress, importance: importance, columns: Int32(columns),
            group_width: Int32(job.groupWidth), bits: Int32(job.bits),
            symmetric: job.symmetric ? 1 : 0, static_groups: job.staticGroups ? 1 : 0,
            search_steps: Int32(job.searchSteps),
            search_power_2_4: job.searchPower == .twoPointFour ? 1 : 0,
            scale_exponent: Int32(job.scaleExponent))
          let run = unsafe baseline ? ctk_gptq_tile_baseline : ctk_gptq_tile
          unsafe run(
            &layer, job.weight.pointer + first * columns, Int32(rows), scratch.pointer,
            codes + first * columns, scales + first * job.groups,
            zeros + first * job.groups, restored.pointer + first * columns,
            sums + tile)
        }
      }
    }
  }

  func solution() -> GPTQKernel.Solution {
    var error = 0.0
    var clipped = 0
    for tile in 0..<job.tiles {
      error += unsafe sums[tile].error
      clipped += Int(unsafe sums[tile].clipped)
    }
    let groups = job.weight.rows * job.groups
    return unsafe GPTQKernel.Solution(
      codes: Array(UnsafeBufferPointer(start: codes, count: job.weight.count)),
      scales: Array(UnsafeBufferPointer(start: scales, count: groups)),
      zeros: Array(UnsafeBufferPointer(start: zeros, count: groups)),
      restored: restored, error: error, clipped: clipped)
  }

  private func withOptional(
    _ values: [Float]?, _ body: (UnsafePointer<Float>?) -> Void
  ) {
    guard let values else {
      return body(nil)
    }
    unsafe values.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
  }
}
