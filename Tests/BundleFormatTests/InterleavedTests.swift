import BundleFormat
import Bytes
import TestSupport
import Testing

/// Sparse tensors whose rows are interleaved: another order, the same weights.
@Suite struct InterleavedTests {
  @Test func tilesAreInTheOrderOfTheSpecification() {
    let (rows, columns, groups) = (32, 128, 3)
    let weights = Array(0..<rows * columns)
    let tiled = RowTiles.interleave(weights, rows: rows, columns: columns, width: 4)
    for t in 0..<rows / 16 {
      for q in 0..<columns / 4 {
        for i in 0..<16 {
          for c in 0..<4 {
            #expect(
              tiled[t * 16 * columns + 64 * q + 4 * i + c]
                == weights[(16 * t + i) * columns + 4 * q + c])
          }
        }
      }
    }
    #expect(RowTiles.restore(tiled, rows: rows, columns: columns, width: 4) == weights)
    let scales = Array(0..<rows * groups)
    let perGroup = RowTiles.interleave(scales, rows: rows, columns: groups, width: 1)
    for (row, group) in [(0, 0), (5, 2), (15, 1), (16, 0), (31, 2)] {
      #expect(
        perGroup[(row / 16 * groups + group) * 16 + row % 16] == scales[row * groups + group])
    }
    #expect(RowTiles.restore(perGroup, rows: rows, columns: groups, width: 1) == scales)
  }

  /// Random codes, scales and zero points; `pattern` for n:m sparsity instead of a bitmask.
  private func sparse(
    _ name: String, _ rows: Int, _ columns: Int, bits: Int, group: Int, pattern: NMPattern? = nil,
    symmetric: Bool = false, kept: [Bool]? = nil
  ) throws -> StoredTensor {
    let groups = (columns + group - 1) / group
    var flags = kept ?? Samples.flags(rows * columns, seed: bits)
    var mask = StoredTensor.Mask.bitmask(
      ByteSlice(Bitmask.pack(flags, rows: rows, columns: columns)))
    if let pattern {
      for start in stride(from: 0, to: flags.count, by: pattern.of) {
        let first = Int(Samples.byte(bits, start))
        for i in 0..<pattern.of { flags[start + (first + i) % pattern.of] = i < pattern.kept }
      }
      let list = try #require(pattern.pack(flags, rows: rows, columns: columns))
      mask = .nm(pattern, ByteSlice(list))
    }
    let codes = Samples.codes(flags.count { $0 }, bits: bits, seed: 1)
    let zeros = Planar.pack(Samples.codes(rows * groups, bits: bits, seed: 2), bits: bits)
    return try .packed(
      name: name, shape: [rows, columns], bits: bits, groupSize: group,
      codes: ByteSlice(Planar.pack(codes, bits: bits)),
      scales: Samples.scales(rows * groups, seed: 3), zeros: symmetric ? nil : ByteSlice(zeros),
      scaleExponent: 2, mask: mask)
  }

  /// Bitmasks and n of 4, with zero points and without, groups with a short last one.
  private func tensors(bits: Int) throws -> [StoredTensor] {
    var tensors: [StoredTensor] = []
    for (rows, columns, group) in [(16, 64, 64), (32, 192, 128), (48, 320, 64), (16, 192, 192)] {
      let name = "\(rows).\(columns)"
      tensors.append(try sparse("m." + name, rows, columns, bits: bits, group: group))
      for kept in 1...3 {
        tensors.append(
          try sparse(
            "\(kept)." + name, rows, columns, bits: bits, group: group,
            pattern: NMPattern(kept: kept, of: 4), symmetric: kept == 3))
      }
    }
    return tensors + [
      try sparse("m.symmetric", 32, 192, bits: bits, group: 128, symmetric: true),
      try sparse(
        "m.none", 16, 64, bits: bits, group: 64, kept: [Bool](repeating: false, count: 1024)),
    ]
  }

  @Test(arguments: [2, 3, 4, 8]) func meansTheSameInBothOrders(bits: Int) throws {
    let folder = try TemporaryFolder()
    for storage in TensorStorage.allCases {
      var writer = BundleWriter(path: folder.file("a"), storage: storage)
      for plain in try tensors(bits: bits) {
        let tensor = try #require(try plain.withInterleavedRows())
        #expect(tensor.descriptor.interleaved && !plain.descriptor.interleaved)
        #expect(try tensor.withInterleavedRows()?.codes?.array == tensor.codes?.array)
        writer.addTensor(tensor)
      }
      try writer.finish()
      let bundle = try ModelBundle(path: folder.file("a"), verify: .full)
      #expect(bundle.check(.full).isEmpty)
      for plain in try tensors(bits: bits) {
        let name = plain.descriptor.name
        let tensor = try #require(try bundle.tensor(named: name))
        #expect(tensor.descriptor.interleaved)
        let same = (
          flags: try tensor.keptFlags() == plain.keptFlags(),
          codes: try tensor.unpackedCodes() == plain.unpackedCodes(),
          zeros: tensor.unpackedZeros() == plain.unpackedZeros(),
          scales: tensor.unpackedScales() == plain.unpackedScales(),
          values: try tensor.dequantized() == plain.dequantized()
        )
        #expect(same == (true, true, true, true, true), "\(name)")
        // No byte more, and in another order.
        #expect(tensor.codes?.count == plain.codes?.count)
        #expect(tensor.mask?.count == plain.mask?.count)
        #expect(tensor.index?.count == plain.index?.count)
        #expect(tensor.scales?.count == plain.scales?.count)
        let moved = tensor.codes?.array != plain.codes?.array
        #expect(moved == (name != "m.none"), "\(name)")
        let section = try #require(bundle.section(.tensorCodes, named: name))
        #expect(section.attributes["interleaved"] == 16)
        #expect(section.flags.read == SectionFlags.survivorsOnly | SectionFlags.interleavedRows)
      }
      #expect(try bundle.codeEntropy().codes > 0)
    }
  }

  @Test func otherTensorsCannotBeInterleaved() throws {
    let kept = Samples.flags(16 * 64, seed: 1)
    let mask = StoredTensor.Mask.bitmask(ByteSlice(Bitmask.pack(kept, rows: 16, columns: 64)))
    let values = ByteSlice([UInt8](repeating: 0, count: 2 * kept.count { $0 }))
    for tensor in [
      try CodedSamples.masked("rows", rows: 24, columns: 128, bits: 4, every: 3, seed: 1),
      try CodedSamples.masked("columns", rows: 16, columns: 96, bits: 4, every: 3, seed: 1),
      try CodedSamples.masked(
        "group", rows: 16, columns: 128, bits: 4, every: 3, groupSize: 32, seed: 1),
      try CodedSamples.masked(
        "odd", rows: 16, columns: 128, bits: 4, every: 3, groupSize: 96, seed: 1),
      try CodedSamples.nm("of", rows: 16, columns: 128, kept: 4, of: 8, bits: 4, seed: 2),
      try CodedSamples.packed("whole", rows: 16, columns: 128, bits: 4, groupSize: 64, seed: 3),
      try .dense(name: "values", shape: [16, 64], format: .float16, values: values, mask: mask),
    ] {
      let name = tensor.descriptor.name
      #expect(try tensor.withInterleavedRows() == nil, "\(name)")
      #expect(!tensor.descriptor.canBeInterleaved, "\(name)")
      guard let codes = tensor.codes, let scales = tensor.scales else { continue }
      let mask: StoredTensor.Mask? =
        switch tensor.descriptor.sparsity {
        case .nm(let pattern): tensor.index.map { .nm(pattern, $0) }
        default: tensor.mask.map { .bitmask($0) }
        }
      let failure = #expect(throws: Failure.self, "\(name)") {
        try StoredTensor.packed(
          name: name, shape: tensor.descriptor.shape, bits: 4,
          groupSize: tensor.descriptor.groupSize, codes: codes, scales: scales,
          zeros: tensor.zeros, mask: mask, interleaved: true)
      }
      #expect(failure?.kind == .invalidData)
      #expect(failure?.finding.contains("interleaved rows need") == true, "\(name)")
    }
  }

  /// Readers that don't verify find out too, and say what is wrong.
  @Test(arguments: [
    ("interleaved-flag", "interleaved-rows flag contradicts"),
    ("interleaved-attribute", "interleaved-rows flag contradicts"),
    ("interleaved-eight", "interleaved by 16 only"), ("interleaved-group", "interleaved rows need"),
    ("interleaved-columns", "interleaved rows need"), ("interleaved-rows", "interleaved rows need"),
    ("interleaved-pattern", "interleaved rows need"),
    ("interleaved-whole", "interleaved rows need"), ("interleaved-dense", "interleaved rows need"),
    ("blocks-sorted-interleaved", "its rows are interleaved"),
  ])
  func readersSayWhatIsWrong(vector: String, finding: String) throws {
    let failure = #expect(throws: Failure.self) {
      try ModelBundle(path: PythonReader.formats + "/vectors/\(vector).ctpack").tensor(named: "w")
    }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.finding.contains(finding) == true, "\(failure?.description ?? "")")
  }
}
