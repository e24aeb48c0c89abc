import Bytes
import Glibc
import Synchronization

/// The order-0 entropy of the compressed layers' parts, in bits per weight of all of them: the
/// least that a code can reach that knows, for each tensor, how often each value occurs.
public struct CodeEntropy: Sendable, Equatable {
  /// Entropy of the stored codes: with a mask, those of the survivors times their share. Kept
  /// numbers that aren't quantized count with all their bits.
  public var codes = 0.0
  /// Entropy of the zero points.
  public var zeros = 0.0
  /// Entropy of the bitmasks, from the share of kept weights.
  public var mask = 0.0
  /// Entropy of n:m indices, each combination being equally likely.
  public var index = 0.0

  fileprivate static func + (a: CodeEntropy, b: CodeEntropy) -> CodeEntropy {
    CodeEntropy(
      codes: a.codes + b.codes, zeros: a.zeros + b.zeros, mask: a.mask + b.mask,
      index: a.index + b.index)
  }

  fileprivate func divided(by weights: Int) -> CodeEntropy {
    let count = Double(max(1, weights))
    return CodeEntropy(
      codes: codes / count, zeros: zeros / count, mask: mask / count, index: index / count)
  }
}

extension ModelBundle {
  /// Reads and counts all codes, on all threads. Throws `invalidData` where a tensor can't be read.
  public func codeEntropy() throws(Failure) -> CodeEntropy {
    let compressed = try compressedLayers()
    let results = Mutex<[Int: Result<CodeEntropy, Failure>]>([:])
    Parallel.forEach(compressed.count) { index in
      let result = Result { () throws(Failure) in
        try tensor(named: compressed[index].name)?.entropy() ?? CodeEntropy()
      }
      results.withLock { $0[index] = result }
    }
    // In the tensors' order, so that the sum is the same on any number of threads.
    var sum = CodeEntropy()
    for (_, result) in results.withLock({ $0.sorted { $0.key < $1.key } }) {
      sum = try sum + result.get()
    }
    return sum.divided(by: compressed.reduce(0) { $0 + $1.parameters })
  }
}

extension StoredTensor {
  /// In bits of the whole tensor.
  fileprivate func entropy() throws(Failure) -> CodeEntropy {
    func bits(_ values: [UInt8]) -> Double {
      var histogram = [Int](repeating: 0, count: 256)
      for value in values { histogram[Int(value)] += 1 }
      return Entropy.bits(histogram) * Double(values.count)
    }
    var entropy = CodeEntropy()
    if let dense {
      entropy.codes = Double(dense.count * 8)
    } else {
      entropy.codes = bits(try unpackedCodes())
    }
    if zeros != nil { entropy.zeros = bits(unpackedZeros()) }
    let (rows, columns) = (descriptor.rows, descriptor.columns)
    switch descriptor.sparsity {
    case nil: break
    case .bitmask(let survivors):
      let all = descriptor.parameters
      entropy.mask = Entropy.bits([survivors, all - survivors]) * Double(all)
    case .nm(let pattern):
      func choice(_ width: Int) -> Double {
        log2(Double(NMPattern.combinations(width, min(pattern.kept, width))))
      }
      let whole = Double(columns / pattern.of) * choice(pattern.of)
      entropy.index = Double(rows) * (whole + choice(columns % pattern.of))
    }
    return entropy
  }
}

/// Order-0 entropy: the least bits per value of a code that knows only how often each value occurs.
enum Entropy {
  /// Bits per value for the counts `histogram` of each value; 0 for no values.
  static func bits(_ histogram: [Int]) -> Double {
    let total = Double(histogram.reduce(0, +))
    guard total > 0 else { return 0 }
    return histogram.reduce(0.0) { sum, count in
      count == 0 ? sum : sum - Double(count) / total * log2(Double(count) / total)
    }
  }
}
