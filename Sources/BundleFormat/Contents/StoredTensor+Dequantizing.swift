import Bytes

/// The meaning of the stored bytes, in plain Swift: what every kernel is measured against.
extension StoredTensor {
  /// One flag per weight, [rows · columns] in row-major order, true = kept; nil if all are kept.
  /// Throws `invalidData` where the mask and the number of survivors don't agree.
  public func keptFlags() throws(Failure) -> [Bool]? {
    try storedFlags().map { descriptor.restored(weights: $0) }
  }

  /// One flag per weight in the order of the codes; nil if all are kept.
  private func storedFlags() throws(Failure) -> [Bool]? {
    let (rows, columns) = descriptor.storedShape
    switch descriptor.sparsity {
    case nil: return nil
    case .bitmask:
      return Bitmask.unpack(try checkedMask(), rows: rows, columns: columns)
    case .nm(let pattern):
      guard let index, let flags = pattern.unpack(index, rows: rows, columns: columns) else {
        throw invalid("its survivor index is wrong")
      }
      return flags
    }
  }

  private func invalid(_ finding: String) -> Failure {
    Failure(.invalidData, at: "tensor \"\(descriptor.name)\"", finding)
  }

  /// Checks the mask against the number of survivors, or the survivor index against its pattern,
  /// without making a flag per weight.
  /// Throws `invalidData` where they don't agree.
  func checkSurvivors() throws(Failure) {
    let (rows, columns) = descriptor.storedShape
    switch descriptor.sparsity {
    case nil: return
    case .bitmask: _ = try checkedMask()
    case .nm(let pattern):
      guard let index, pattern.isValid(index, rows: rows, columns: columns) else {
        throw invalid("its survivor index is wrong")
      }
    }
  }

  /// The mask, which has no bits beyond the last column and as many set as there are survivors.
  private func checkedMask() throws(Failure) -> ByteSlice {
    guard let mask else { throw invalid("its mask is missing") }
    guard Bitmask.hasCleanPadding(mask, columns: descriptor.storedShape.columns) else {
      throw invalid("its mask has bits beyond the last column")
    }
    let kept = Bitmask.population(mask)
    guard kept == descriptor.survivors else {
      throw invalid("its mask keeps \(kept) weights, \(descriptor.survivors) are stored")
    }
    return mask
  }

  /// Integer codes in row-major order: of all weights, or of the survivors where masked. Empty for
  /// dense tensors.
  /// Throws `invalidData` where rows are interleaved and the mask and the number of survivors don't
  /// agree.
  public func unpackedCodes() throws(Failure) -> [UInt8] {
    guard let codes, descriptor.isPacked else { return [] }
    let (rows, columns, bits) = (descriptor.rows, descriptor.columns, descriptor.bits)
    if descriptor.interleaved, let flags = try storedFlags() {
      let survivors = Planar.unpack(codes, count: descriptor.survivors, bits: bits)
      let all = descriptor.restored(weights: Self.spread(survivors, flags))
      return Self.survivors(all, descriptor.restored(weights: flags))
    }
    if descriptor.sparsity != nil || columns % Planar.blockSize == 0 {
      return Planar.unpack(codes, count: descriptor.survivors, bits: bits)
    }
    let rowBytes = codes.count / max(rows, 1)
    var all: [UInt8] = []
    all.reserveCapacity(rows * columns)
    for row in 0..<rows {
      guard let slice = codes.slice(row * rowBytes..<(row + 1) * rowBytes) else { break }
      all += Planar.unpack(slice, count: columns, bits: bits)
    }
    return all
  }

  /// Scales [rows · groups] in row-major order, without the exponent that all share. Empty for
  /// dense tensors.
  public func unpackedScales() -> [Float] {
    descriptor.restored(groups: scales?.halves() ?? [])
  }

  /// Zero points [rows · groups] in row-major order: stored ones, or 2^(bits−1)
  /// everywhere. Empty for dense tensors.
  public func unpackedZeros() -> [UInt8] {
    guard descriptor.isPacked else { return [] }
    let count = descriptor.rows * descriptor.groups
    guard let zeros else {
      return [UInt8](repeating: 1 << UInt8(descriptor.bits - 1), count: count)
    }
    return descriptor.restored(
      groups: Planar.unpack(zeros, count: count, bits: descriptor.bits))
  }

  /// The weights in float32, row-major: (q − z) · scale · 2^exponent, 0 where masked out. The
  /// product is exact: 9 bits times 11 bits, and the exponent stays inside float32's range.
  public func dequantized() throws(Failure) -> [Float] {
    let flags = try keptFlags()
    var values: [Float]
    if let dense {
      values = dense.floats(as: descriptor.layout.floatFormat ?? .float32)
      guard let flags else { return values }
      return spread(values, flags)
    }
    let codes = try unpackedCodes()
    values = codes.map { Float($0) }
    if let flags { values = spread(values, flags) }
    guard scales != nil else { return values }
    let factors = unpackedScales()
    let zeros = unpackedZeros()
    let power = Float(sign: .plus, exponent: descriptor.scaleExponent, significand: 1)
    let (columns, groups, width) = (descriptor.columns, descriptor.groups, descriptor.groupSize)
    for row in 0..<descriptor.rows {
      for column in 0..<columns {
        let at = row * columns + column
        if let flags, !flags[at] { continue }
        let group = row * groups + column / width
        values[at] = (values[at] - Float(zeros[group])) * (factors[group] * power)
      }
    }
    return values
  }

  /// The dense values of all weights, zeros where masked out, in the layout they are stored in; nil
  /// for packed tensors. Without a mask the very bytes. Throws `invalidData` where the mask and the
  /// number of survivors don't agree.
  public func spreadValues() throws(Failure) -> ByteSlice? {
    guard let dense else { return nil }
    guard let flags = try keptFlags() else { return dense }
    let width = descriptor.bits / 8
    let survivors = dense.array
    var all = [UInt8](repeating: 0, count: flags.count * width)
    var next = 0
    for i in flags.indices where flags[i] {
      for byte in 0..<width { all[i * width + byte] = survivors[next + byte] }
      next += width
    }
    return ByteSlice(all)
  }

  /// Puts survivors where their flags are set and 0 elsewhere.
  private func spread(_ survivors: [Float], _ flags: [Bool]) -> [Float] {
    var next = 0
    return flags.map { kept in
      guard kept, next < survivors.count else { return 0 }
      next += 1
      return survivors[next - 1]
    }
  }
}
