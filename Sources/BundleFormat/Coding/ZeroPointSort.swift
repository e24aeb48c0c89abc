import Bytes

/// A sort of a tensor's runs of 64 codes by the zero point of their group (the run's class): codes
/// of one zero point have one distribution around it, so that coded together they take fewer bits.
enum ZeroPointSort {
  /// The number of runs of each class, [256].
  static func counts(_ classes: ArraySlice<UInt8>) -> [Int] {
    var counts = [Int](repeating: 0, count: 256)
    for value in classes { counts[Int(value)] += 1 }
    return counts
  }

  /// The place of each run after a stable sort by class.
  static func places(_ classes: ArraySlice<UInt8>) -> [Int] {
    var next = [Int](repeating: 0, count: 256)
    var start = 0
    for (value, count) in counts(classes).enumerated() {
      next[value] = start
      start += count
    }
    return classes.map { value in
      next[Int(value)] += 1
      return next[Int(value)] - 1
    }
  }

  /// The class of every run of 64 codes: the zero point of the group that holds its middle code,
  /// the 33rd, or its last one where it has fewer. `mask`: the bitmask of a tensor that has one.
  /// Throws `invalidData` where the sizes or the mask don't fit. Precondition: rows aren't
  /// interleaved; no zero point decides for a run then.
  static func classes(
    zeros: ByteSlice, mask: ByteSlice?, of descriptor: TensorDescriptor
  ) throws(Failure) -> [UInt8] {
    let (rows, columns, groups) = (descriptor.rows, descriptor.columns, descriptor.groups)
    guard descriptor.isPacked, !descriptor.symmetric, zeros.count == descriptor.zeroBytes else {
      throw Failure(.invalidData, "its zero points don't fit its codes")
    }
    let points = Planar.unpack(zeros, count: rows * groups, bits: descriptor.bits)
    let runs = (descriptor.survivors + Planar.blockSize - 1) / Planar.blockSize
    switch descriptor.sparsity {
    case nil:
      // Every row begins a run.
      let perRow = (columns + Planar.blockSize - 1) / Planar.blockSize
      return (0..<rows * perRow).map { run in
        let column = middle(run % perRow, of: columns)
        return points[run / perRow * groups + column / descriptor.groupSize]
      }
    case .nm(let pattern):
      // Which columns of its m a code stands for plays no part: the first of them decides.
      let perRow = max(1, pattern.survivors(columns: columns))
      return (0..<runs).map { run in
        let code = middle(run, of: descriptor.survivors)
        let column = code % perRow / pattern.kept * pattern.of
        return points[code / perRow * groups + column / descriptor.groupSize]
      }
    case .bitmask(let survivors):
      guard let mask, mask.count == descriptor.maskBytes else {
        throw Failure(.invalidData, "its mask doesn't fit its codes")
      }
      var classes: [UInt8] = []
      classes.reserveCapacity(runs)
      let words = mask.words(UInt64.self)
      var seen = 0
      for group in 0..<rows * groups where classes.count < runs {
        let start = group % groups * descriptor.groupSize
        let range = start..<min(start + descriptor.groupSize, columns)
        seen += kept(words, row: group / groups * Bitmask.wordsPerRow(columns: columns), range)
        while classes.count < runs, middle(classes.count, of: survivors) < seen {
          classes.append(points[group])
        }
      }
      guard classes.count == runs else {
        throw Failure(.invalidData, "its mask keeps \(seen) weights, \(survivors) are stored")
      }
      return classes
    }
  }

  /// The index of the code that decides for a run, among `count` codes.
  private static func middle(_ run: Int, of count: Int) -> Int {
    min(run * Planar.blockSize + Planar.blockSize / 2, count - 1)
  }

  /// The number of kept weights of a row in the columns `range`. `row`: the index of its first
  /// word.
  private static func kept(_ words: [UInt64], row: Int, _ range: Range<Int>) -> Int {
    var count = 0
    for word in range.lowerBound / 64...(range.upperBound - 1) / 64 {
      let low = max(range.lowerBound - word * 64, 0)
      let high = min(range.upperBound - word * 64, 64)
      let bits = words[row + word] >> UInt64(low)
      count += (high - low == 64 ? bits : bits & (1 << UInt64(high - low) - 1)).nonzeroBitCount
    }
    return count
  }
}
