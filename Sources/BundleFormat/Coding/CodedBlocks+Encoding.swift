import Bytes
import Dispatch
import Synchronization

extension CodedBlocks {
  /// The stored form of a tensor's part, coded on all cores; nil if it saves less than 2 %, so that
  /// mapping is better. The bytes don't depend on the number of cores.
  package static func encode(
    _ section: NewSection, blockSize: Int = standardBlockSize
  ) throws(Failure) -> [UInt8]? {
    let raw = section.bytes
    let transform = Transform(for: section)
    guard raw.count >= 64, transform.suits(section.layout, size: raw.count) else { return nil }
    let classes = try runClasses(section)
    let ranges = stride(from: 0, to: raw.count, by: blockSize).map {
      $0..<min($0 + blockSize, raw.count)
    }
    let results = Mutex<[Int: Piece]>([:])
    DispatchQueue.concurrentPerform(iterations: ranges.count) { index in
      guard let bytes = raw.slice(ranges[index]) else { return }
      var piece = Piece(plain: bytes)
      piece.tryCoding(bytes, transform, section.type)
      if let runSize = section.layout.runSize, !classes.isEmpty {
        let runs = ranges[index].lowerBound / runSize..<ranges[index].upperBound / runSize
        piece.trySorting(bytes, transform, runSize, classes[runs])
      }
      results.withLock { $0[index] = piece }
    }
    let pieces = results.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
    var coded = CodedBlocks(
      blockSize: blockSize, transform: transform, runSize: section.layout.runSize ?? 0, blocks: [])
    var start = headerSize + pieces.count * entrySize
    for (range, piece) in zip(ranges, pieces) {
      let stored = start..<start + piece.stored.count
      coded.blocks.append(
        Block(stored: stored, raw: range, form: piece.form, shift: piece.shift, base: piece.base))
      start = stored.upperBound
    }
    guard start < raw.count, start * 50 <= raw.count * 49,
      raw.count / ContainerLayout.maximumExpansion < start
    else { return nil }
    return coded.indexBytes + pieces.flatMap(\.stored)
  }

  /// Empty where runs of codes can't be told by a zero point: a run of interleaved rows holds codes
  /// of sixteen.
  private static func runClasses(_ section: NewSection) throws(Failure) -> [UInt8] {
    guard section.type == .tensorCodes, section.layout != .planar8, let tensor = section.tensor,
      let zeros = tensor.zeros, !tensor.descriptor.interleaved
    else { return [] }
    return try ZeroPointSort.classes(zeros: zeros, mask: tensor.mask, of: tensor.descriptor)
  }
}

/// One block on its way to the file: the smallest form found so far.
private struct Piece {
  var form = CodedBlocks.Form.plain
  var shift = 0
  var base: UInt16 = 0
  var stored: [UInt8]

  init(plain bytes: ByteSlice) { stored = bytes.array }

  private mutating func offer(_ frame: [UInt8]?, _ form: CodedBlocks.Form) -> Bool {
    guard let frame, frame.count < stored.count else { return false }
    (self.form, stored) = (form, frame)
    return true
  }

  mutating func tryCoding(
    _ bytes: ByteSlice, _ transform: CodedBlocks.Transform, _ type: SectionType
  ) {
    let coded: [UInt8]
    switch transform {
    case .none: coded = bytes.array
    case .pairs: coded = Piece.paired(bytes)
    case .halves: return tryCutting(bytes.words(UInt16.self), type)
    case .symbols(let width): coded = SymbolStream.cut(bytes, width: width)
    }
    // Nothing in codes repeats, so that searching longer than level 1 does finds nothing; zero
    // points, few and often equal, are worth a search.
    for level: Int32 in type == .tensorZeros ? [1, 19] : [1] {
      _ = offer(Zstandard.compress(coded, parts: [coded.count], level: level), .coded)
    }
  }

  /// Scales are so few that every cut can be tried; of dense weights only the one that should be
  /// best is.
  private mutating func tryCutting(_ words: [UInt16], _ type: SectionType) {
    for cut in ScaleSplit.cuts(words).prefix(type == .tensorScales ? .max : 1) {
      let parts = ScaleSplit.split(words, shift: cut.shift, base: cut.base)
      let frame = Zstandard.compress(parts, parts: [words.count, words.count], level: 1)
      if offer(frame, .coded) { (shift, base) = cut }
    }
  }

  mutating func trySorting(
    _ bytes: ByteSlice, _ transform: CodedBlocks.Transform, _ runSize: Int,
    _ classes: ArraySlice<UInt8>
  ) {
    let content = transform == .pairs ? Piece.paired(bytes) : bytes.array
    let size = transform == .pairs ? CodePairs.pairedSize : runSize
    var sorted = [UInt8](repeating: 0, count: content.count)
    for (run, place) in ZeroPointSort.places(classes).enumerated() {
      sorted.replaceSubrange(
        place * size..<(place + 1) * size, with: content[run * size..<(run + 1) * size])
    }
    let parts = ZeroPointSort.counts(classes).filter { $0 > 0 }.map { $0 * size }
    _ = offer(Zstandard.compress(sorted, parts: parts, level: 1), .ordered)
  }

  private static func paired(_ bytes: ByteSlice) -> [UInt8] {
    let runs = bytes.count / CodePairs.packedSize
    return unsafe bytes.withUnsafeBytes { source in
      unsafe [UInt8](unsafeUninitializedCapacity: runs * CodePairs.pairedSize) { target, count in
        guard let from = source.baseAddress, let to = target.baseAddress else {
          count = 0
          return
        }
        for run in 0..<runs {
          unsafe CodePairs.pair(
            from + run * CodePairs.packedSize,
            UnsafeMutableRawPointer(to) + run * CodePairs.pairedSize)
        }
        count = runs * CodePairs.pairedSize
      }
    }
  }
}

extension PackingLayout {
  /// Raw bytes of 64 codes where runs of them can be sorted; nil elsewhere.
  var runSize: Int? {
    switch self {
    case .planar2, .planar3, .planar4: bits.map { Planar.blockBytes(bits: $0) }
    default: nil
    }
  }
}
