import Bytes

/// The deviation of one array of numbers from another of the same shape.
public struct TensorDeviation: Sendable, Equatable {
  /// Numbers that were compared.
  public let count: Int
  /// Numbers that differ in any bit.
  public let differing: Int
  /// Integer codes that differ; nil unless both tensors have codes of the same form.
  public let differingCodes: Int?
  /// ‖second − first‖ / ‖first‖, both root sums of squares; nil where the first is all zeros.
  public let relativeError: Double?
  /// The largest absolute difference.
  public let maximum: Double

  /// Compares two tensors of one shape in float32.
  /// - Throws: `invalidData` where mask and codes of one don't agree.
  init(_ a: StoredTensor, _ b: StoredTensor) throws(Failure) {
    let (p, q) = (a.descriptor, b.descriptor)
    var codes: Int?
    if p.isPacked, q.isPacked, p.bits == q.bits, p.groupSize == q.groupSize, p.sparsity == nil,
      q.sparsity == nil
    {
      codes = zip(try a.unpackedCodes(), try b.unpackedCodes()).count { $0 != $1 }
    }
    self.init(try a.dequantized(), try b.dequantized(), differingCodes: codes)
  }

  /// nil unless both are as many floats of one layout.
  init?(
    _ a: ByteSlice, _ b: ByteSlice, layouts: (PackingLayout?, PackingLayout?)
  ) {
    guard let format = layouts.0?.floatFormat, layouts.0 == layouts.1, a.count == b.count else {
      return nil
    }
    self.init(a.floats(as: format), b.floats(as: format))
  }

  /// That of `count` numbers that are the same in both.
  init(equal count: Int) {
    self.count = count
    (differing, differingCodes, relativeError, maximum) = (0, nil, 0, 0)
  }

  private init(_ a: [Float], _ b: [Float], differingCodes: Int? = nil) {
    var (differing, error, size, maximum) = (0, 0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      size += Double(x) * Double(x)
      if x.bitPattern == y.bitPattern { continue }
      differing += 1
      let difference = abs(Double(y) - Double(x))
      error += difference * difference
      maximum = max(maximum, difference)
    }
    count = a.count
    self.differing = differing
    self.differingCodes = differingCodes
    relativeError = size > 0 ? (error / size).squareRoot() : nil
    self.maximum = maximum
  }
}
