import Glibc
import Synchronization

/// Memory for a tensor's values, aligned so that kernels load whole cache lines.
///
/// Large ones don't come from the heap: its aligned blocks can't be used again for the next tensor
/// of the same size (glibc before 2.38), so that a long run would grow without bound.
@safe final class FloatStorage {
  let pointer: UnsafeMutablePointer<Float>
  /// nil where the memory is the heap's.
  private let block: LargeBlock?

  /// A place that is aligned and never read, for tensors without values.
  static var nowhere: UnsafeMutableRawPointer {
    guard let place = unsafe UnsafeMutableRawPointer(bitPattern: 64) else { fatalError() }
    return unsafe place
  }

  init(count: Int, zeroed: Bool) {
    let count = max(count, 1)
    if count * 4 >= LargeBlock.smallest {
      let (block, isZero) = LargeBlock.take(count * 4)
      self.block = block
      unsafe pointer = block.start.bindMemory(to: Float.self, capacity: count)
      if zeroed, !isZero { unsafe pointer.update(repeating: 0, count: count) }
    } else {
      block = nil
      let raw = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
      unsafe pointer = raw.bindMemory(to: Float.self, capacity: count)
      if zeroed { unsafe pointer.initialize(repeating: 0, count: count) }
    }
  }

  deinit {
    if let block { block.give() } else { unsafe pointer.deallocate() }
  }
}

/// A run of whole pages from the system. A few that were given back wait for their next use,
/// because a fresh page costs about as much as filling it.
@safe private struct LargeBlock: @unchecked Sendable {
  let start: UnsafeMutableRawPointer
  let size: Int

  static let smallest = 1 << 17
  private static let grain = 1 << 16
  /// Bytes that may wait.
  private static let mostWaiting = 256 << 20
  /// Oldest first.
  private static let waiting = Mutex<[LargeBlock]>([])

  /// At least `bytes`, and whether they are known to be zero.
  static func take(_ bytes: Int) -> (LargeBlock, isZero: Bool) {
    let size = (bytes + grain - 1) / grain * grain
    let used = waiting.withLock { blocks in
      blocks.lastIndex { $0.size == size }.map { blocks.remove(at: $0) }
    }
    if let used { return (used, false) }
    let address = unsafe mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      fatalError("the system has no \(size) bytes of memory left")
    }
    // Fewer, larger pages where the system offers them; nothing depends on it.
    _ = unsafe madvise(address, size, MADV_HUGEPAGE)
    return (unsafe LargeBlock(start: address, size: size), true)
  }

  func give() {
    let released = Self.waiting.withLock { blocks in
      blocks.append(self)
      var total = blocks.reduce(0) { $0 + $1.size }
      var count = 0
      while total > Self.mostWaiting {
        total -= blocks[count].size
        count += 1
      }
      defer { blocks.removeFirst(count) }
      return Array(blocks.prefix(count))
    }
    for block in released { unsafe munmap(block.start, block.size) }
  }
}
