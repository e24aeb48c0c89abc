import Bytes
import Glibc
import Synchronization

/// Memory for a tensor's values, aligned to 64 bytes so that kernels load whole cache lines.
///
/// Blocks of 128 KiB and more are mapped from the system instead of allocated on the heap: glibc
/// before 2.38 can't reuse an aligned heap block for the next tensor of the same size, so a long
/// run would grow without bound.
@safe final class FloatStorage {
  let pointer: UnsafeMutablePointer<Float>
  /// The mapped pages that hold the values; nil if the memory is on the heap.
  private let block: LargeBlock?

  /// An aligned address that is never dereferenced, for tensors without values.
  static var emptyAddress: UnsafeMutableRawPointer {
    guard let address = unsafe UnsafeMutableRawPointer(bitPattern: 64) else { fatalError() }
    return unsafe address
  }

  /// Allocates `count` float32 values: zeros if `zeroed`, otherwise arbitrary content.
  init(count: Int, zeroed: Bool) {
    let count = max(count, 1)
    if count * 4 >= LargeBlock.smallest {
      let (block, isZero) = LargeBlock.acquire(count * 4)
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
    if let block { block.recycle() } else { unsafe pointer.deallocate() }
  }
}

/// A run of whole pages mapped from the system. Released blocks are kept in a free list for reuse,
/// because faulting in a fresh page costs about as much as filling it.
@safe private struct LargeBlock: @unchecked Sendable {
  let start: UnsafeMutableRawPointer
  let size: Int

  /// The smallest allocation in bytes that is mapped.
  static let smallest = 1 << 17
  private static let grain = 1 << 16
  /// The most bytes that the free list holds.
  private static let maxFreeBytes = 256 << 20
  /// The free list, oldest block first.
  private static let freeBlocks = Mutex<[LargeBlock]>([])

  /// Returns a block of at least `bytes` bytes, and whether it is known to be zero.
  static func acquire(_ bytes: Int) -> (LargeBlock, isZero: Bool) {
    let size = (bytes + grain - 1) / grain * grain
    let used = freeBlocks.withLock { blocks in
      blocks.lastIndex { $0.size == size }.map { blocks.remove(at: $0) }
    }
    if let used { return (used, false) }
    let address = unsafe mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      MemoryShortage.end(refused: size)
    }
    // A hint that asks for huge pages; nothing depends on it.
    _ = unsafe madvise(address, size, MADV_HUGEPAGE)
    return (unsafe LargeBlock(start: address, size: size), true)
  }

  /// Adds the block to the free list and unmaps the oldest blocks beyond its limit.
  func recycle() {
    let released = Self.freeBlocks.withLock { blocks in
      blocks.append(self)
      var total = blocks.reduce(0) { $0 + $1.size }
      var count = 0
      while total > Self.maxFreeBytes {
        total -= blocks[count].size
        count += 1
      }
      defer { blocks.removeFirst(count) }
      return Array(blocks.prefix(count))
    }
    for block in released { unsafe munmap(block.start, block.size) }
  }
}
