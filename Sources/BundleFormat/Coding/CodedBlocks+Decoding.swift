import Bytes
import Dispatch
import Synchronization

extension CodedBlocks {
  /// The raw bytes of the section whose stored bytes are `bytes`, decoded on all cores. `classes`:
  /// of every run of 64 codes (`ZeroPointSort.classes`); empty where no block is ordered. Throws
  /// `invalidData` with what is wrong with the first block that can't be decoded.
  package func decode(_ bytes: ByteSlice, classes: [UInt8] = []) throws(Failure) -> DecodedBytes {
    let decoded = DecodedBytes(count: blocks.last?.raw.upperBound ?? 0)
    let failed = Mutex<(index: Int, failure: Failure)?>(nil)
    DispatchQueue.concurrentPerform(iterations: blocks.count) { index in
      do throws(Failure) {
        try unsafe decoded.fill(blocks[index].raw) { (target) throws(Failure) in
          try unsafe decode(blocks[index], bytes, classes, into: target)
        }
      } catch {
        failed.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
      }
    }
    if let (index, failure) = failed.withLock({ $0 }) {
      throw Failure(.invalidData, "coded block \(index): \(failure.finding)")
    }
    return decoded
  }

  @unsafe private func decode(
    _ block: Block, _ bytes: ByteSlice, _ classes: [UInt8],
    into target: UnsafeMutableRawBufferPointer
  ) throws(Failure) {
    guard let stored = bytes.slice(block.stored) else {
      throw Failure(.invalidData, "lies outside its section")
    }
    if block.form == .plain {
      unsafe stored.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
      return
    }
    if block.form == .coded, transform == .none {
      return try unsafe Zstandard.decompress(stored, into: target)
    }
    let content = DecodedBytes(count: transform.size(of: target.count))
    try unsafe content.fill(0..<content.count) { (bytes) throws(Failure) in
      try unsafe Zstandard.decompress(stored, into: bytes)
    }
    try unsafe content.bytes.withUnsafeBytes { (source) throws(Failure) in
      // No block is empty, so both have an address.
      guard let from = source.baseAddress, let to = target.baseAddress else { return }
      if block.form == .ordered {
        return try unsafe restore(block, from, to, target.count, classes)
      }
      switch transform {
      case .none: break
      case .pairs:
        for run in 0..<target.count / CodePairs.packedSize {
          unsafe CodePairs.unpair(
            from + run * CodePairs.pairedSize, to + run * CodePairs.packedSize)
        }
      case .halves:
        unsafe ScaleSplit.join(
          from, to, count: target.count / 2, shift: block.shift, base: block.base)
      case .symbols(let width):
        unsafe SymbolStream.join(from, to, count: target.count, width: width)
      }
    }
  }

  /// Moves sorted runs of 64 codes to their places in the matrix.
  @unsafe private func restore(
    _ block: Block, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int,
    _ classes: [UInt8]
  ) throws(Failure) {
    let first = block.raw.lowerBound / runSize
    guard count % runSize == 0, first + count / runSize <= classes.count else {
      throw Failure(.invalidData, "its codes don't fit the zero points they are sorted by")
    }
    let places = ZeroPointSort.places(classes[first..<first + count / runSize])
    for (run, place) in places.enumerated() {
      if transform == .pairs {
        unsafe CodePairs.unpair(source + place * CodePairs.pairedSize, target + run * runSize)
      } else {
        unsafe (target + run * runSize).copyMemory(
          from: source + place * runSize, byteCount: runSize)
      }
    }
  }
}
