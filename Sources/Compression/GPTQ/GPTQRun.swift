import Bytes
import CKernels
import Numerics

/// The state of one matrix while `GPTQKernel` solves it: its tiles and its results. Tiles run on
/// several threads, and each writes only its own rows.
@safe final class GPTQRun: @unchecked Sendable {
  let tiles: Int
  let job: GPTQKernel.Job
  let order: [Int32]
  let position: [Int32]
  let restored: Tensor
  let codes: UnsafeMutableBufferPointer<UInt8>
  let scales: UnsafeMutableBufferPointer<UInt16>
  let zeros: UnsafeMutableBufferPointer<UInt8>
  let kept: UnsafeMutableBufferPointer<UInt8>
  let sums: UnsafeMutablePointer<ctk_gptq_sums>
  /// Scratch space and drop marks per tile, from `begin` to `end`; otherwise nil.
  private let states: UnsafeMutablePointer<TileState?>
  /// Costs and marks of one block over all tiles.
  private let costs: UnsafeMutableBufferPointer<Float>
  private let marks: UnsafeMutableBufferPointer<UInt8>
  private var block = 0..<0

  private typealias TileState = (scratch: Tensor, dropped: UnsafeMutablePointer<UInt8>?)

  init(_ job: GPTQKernel.Job) {
    let columns = job.columns
    precondition(job.weight.shape.count == 2 && (1...columns).contains(job.groupWidth))
    precondition(job.bits.map((2...8).contains) ?? true && (0...99).contains(job.searchSteps))
    precondition(StoredScale.exponents.contains(job.scaleExponent))
    precondition((0...1).contains(job.firstOrder) && (job.firstOrder == 0 || job.factor != nil))
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
    if case .pattern(let kept, let of) = job.pruning {
      precondition(kept >= 1 && of > kept && of <= 128)
      precondition(
        order.indices.allSatisfy { Int(order[$0]) / of == Int(order[$0 / of * of]) / of },
        "the solving order separates columns of one n:m group")
    }
    self.job = job
    self.order = order
    self.position = position
    tiles = job.tiles
    restored = Tensor(uninitialized: job.weight.shape)
    let quantized = job.bits != nil
    let weights = job.weight.count
    unsafe codes = .allocate(capacity: quantized ? weights : 0)
    unsafe scales = .allocate(capacity: quantized ? job.weight.rows * job.groups : 0)
    unsafe zeros = .allocate(capacity: quantized ? job.weight.rows * job.groups : 0)
    unsafe kept = .allocate(capacity: job.prunes ? weights : 0)
    unsafe sums = .allocate(capacity: tiles)
    unsafe sums.initialize(repeating: ctk_gptq_sums(), count: tiles)
    unsafe states = .allocate(capacity: tiles)
    unsafe states.initialize(repeating: nil, count: tiles)
    let together = job.choosesOverAllRows ? tiles * Self.blockSize : 0
    unsafe costs = .allocate(capacity: together)
    unsafe marks = .allocate(capacity: together)
    if job.choosesOverAllRows { nextBlock() }
  }

  deinit {
    unsafe codes.deallocate()
    unsafe scales.deallocate()
    unsafe zeros.deallocate()
    unsafe kept.deallocate()
    unsafe sums.deallocate()
    for tile in 0..<tiles { unsafe states[tile]?.dropped?.deallocate() }
    unsafe states.deinitialize(count: tiles)
    unsafe states.deallocate()
    unsafe costs.deallocate()
    unsafe marks.deallocate()
  }

  private static let blockSize = Int(CTK_GPTQ_BLOCK) * GPTQKernel.tileRows

  /// Whether masks are chosen over all rows of a block, so that tiles wait for each other.
  var choosesOverAllRows: Bool { job.choosesOverAllRows }
  /// Whether grids are fitted before the first column, to the weights that are expected to be kept.
  var forecasts: Bool { job.choosesOverAllRows && job.staticGroups && job.bits != nil }
  var isDone: Bool { block.isEmpty }

  func rows(_ tile: Int) -> Int {
    min(GPTQKernel.tileRows, job.weight.rows - tile * GPTQKernel.tileRows)
  }

  // MARK: One tile

  /// Allocates a tile's scratch space and marks, and loads its weights.
  func begin(tile: Int) {
    var size = 0
    unsafe withLayer { size = unsafe Int(ctk_gptq_scratch($0)) }
    let scratch = Tensor(uninitialized: [size])
    var dropped: UnsafeMutablePointer<UInt8>?
    if job.prunes {
      let size = job.columns * GPTQKernel.tileRows
      let marks = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
      unsafe marks.initialize(repeating: 0, count: size)
      if case .fixed(let mask) = job.pruning {
        for row in 0..<rows(tile) {
          let start = (tile * GPTQKernel.tileRows + row) * job.columns
          for (place, column) in order.enumerated() {
            unsafe marks[place * GPTQKernel.tileRows + row] = mask[start + Int(column)]
          }
        }
      }
      unsafe dropped = marks
    }
    unsafe states[tile] = (scratch, dropped)
    unsafe withLayer { layer in
      unsafe ctk_gptq_begin(
        layer, job.weight.pointer + tile * GPTQKernel.tileRows * job.columns, Int32(rows(tile)),
        scratch.pointer)
    }
  }

  /// Fits all grids of a tile. Does nothing if each is fitted at its first column.
  func fit(tile: Int) {
    guard let state = unsafe states[tile], job.bits != nil, job.staticGroups else { return }
    unsafe withLayer { layer in
      unsafe ctk_gptq_fit(layer, state.scratch.pointer, state.dropped)
    }
  }

  /// Solves a tile through all columns, independently of other tiles.
  func finish(tile: Int) {
    fit(tile: tile)
    var start = 0
    while start < job.columns {
      let end = blockEnd(start)
      solve(tile: tile, start..<end)
      start = end
    }
    self.end(tile: tile)
  }

  private func solve(tile: Int, _ block: Range<Int>) {
    guard let state = unsafe states[tile] else { return }
    unsafe withLayer { layer in
      unsafe ctk_gptq_block(
        layer, state.scratch.pointer, state.dropped, Int32(block.lowerBound),
        Int32(block.upperBound), sums + tile)
    }
  }

  /// Collects a tile's results and releases its scratch space.
  func end(tile: Int) {
    guard let state = unsafe states[tile] else { return }
    let first = tile * GPTQKernel.tileRows * job.columns
    let group = tile * GPTQKernel.tileRows * job.groups
    unsafe withLayer { layer in
      unsafe ctk_gptq_end(
        layer, state.scratch.pointer, state.dropped, Int32(rows(tile)),
        codes.isEmpty ? nil : codes.baseAddress.map { unsafe $0 + first },
        scales.isEmpty ? nil : scales.baseAddress.map { unsafe $0 + group },
        zeros.isEmpty ? nil : zeros.baseAddress.map { unsafe $0 + group },
        restored.pointer + first, kept.isEmpty ? nil : kept.baseAddress.map { unsafe $0 + first })
    }
    unsafe state.dropped?.deallocate()
    unsafe states[tile] = nil
  }

  // MARK: All tiles together

  /// Marks the original weights that would be dropped, so that grids are fitted to the others.
  func forecast() {
    while !isDone {
      for tile in 0..<tiles { rate(tile: tile) }
      choose()
      for tile in 0..<tiles { mark(tile: tile) }
      nextBlock()
    }
    block = 0..<0
    nextBlock()
  }

  /// Computes the cost of dropping each weight of the block.
  func rate(tile: Int) {
    guard let state = unsafe states[tile], let costs = unsafe costs.baseAddress else { return }
    unsafe withLayer { layer in
      unsafe ctk_gptq_costs(
        layer, state.scratch.pointer, Int32(rows(tile)), Int32(block.lowerBound),
        Int32(block.upperBound), costs + tile * block.count * GPTQKernel.tileRows)
    }
  }

  /// Marks the weights of the block to drop, over all its rows.
  func choose() {
    guard case .share(let share) = job.pruning else { return }
    let weights = Double(job.weight.rows * block.count)
    unsafe ctk_drop_lowest(
      costs.baseAddress, Int64(tiles * block.count * GPTQKernel.tileRows),
      Int64((weights * share).rounded(.toNearestOrEven)), marks.baseAddress)
  }

  private func mark(tile: Int) {
    guard let dropped = unsafe states[tile]?.dropped, let marks = unsafe marks.baseAddress else {
      return
    }
    let size = block.count * GPTQKernel.tileRows
    unsafe (dropped + block.lowerBound * GPTQKernel.tileRows).update(
      from: marks + tile * size, count: size)
  }

  /// Takes over the block's marks and solves its columns.
  func solveBlock(tile: Int) {
    mark(tile: tile)
    solve(tile: tile, block)
  }

  /// Advances to the next block; an empty one after the last.
  func nextBlock() {
    let start = block.upperBound
    block = start < job.columns ? start..<blockEnd(start) : start..<start
  }

  private func blockEnd(_ start: Int) -> Int {
    var end = start
    unsafe withLayer { end = unsafe Int(ctk_gptq_block_end($0, Int32(start))) }
    return end
  }
}

extension GPTQKernel.Job {
  var columns: Int { weight.columns }
  var groups: Int { (columns + groupWidth - 1) / groupWidth }
  var tiles: Int { (weight.rows + GPTQKernel.tileRows - 1) / GPTQKernel.tileRows }

  var prunes: Bool {
    if case .none = pruning { false } else { true }
  }
  var choosesOverAllRows: Bool {
    if case .share = pruning { true } else { false }
  }
}
