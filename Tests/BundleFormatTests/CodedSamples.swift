import BundleFormat
import Bytes

/// Tensors as quantization makes them: codes in a bell around their group's zero point, scales of
/// about one size. Large enough for coding to pay.
enum CodedSamples {
  /// Codes that a sum of random numbers puts around `center`.
  static func bell(_ count: Int, bits: Int, seed: Int, center: (Int) -> Int) -> [UInt8] {
    let top = 1 << bits - 1
    return (0..<count).map { i in
      let noise = (0..<4).reduce(0) { $0 + Int(Samples.byte(seed + $1, i)) } - 510
      return UInt8(min(top, max(0, center(i) + noise * (top + 1) / 2000)))
    }
  }

  static func scales(_ count: Int, seed: Int) -> ByteSlice {
    var bytes: [UInt8] = []
    for i in 0..<count {
      let value = 0.01 + Float(Samples.byte(seed, i)) / 16_000
      bytes.append(littleEndian: Float16(value).bitPattern)
    }
    return ByteSlice(bytes)
  }

  /// `kept`: the flags that `mask` stands for, nil without one.
  static func packed(
    _ name: String, rows: Int, columns: Int, bits: Int, groupSize: Int, symmetric: Bool = false,
    mask: StoredTensor.Mask? = nil, kept: [Bool]? = nil, seed: Int
  ) throws -> StoredTensor {
    let groups = (columns + groupSize - 1) / groupSize
    let middle = 1 << (bits - 1)
    let points = bell(rows * groups, bits: bits, seed: seed) { _ in middle }
    let places = kept.map { flags in flags.indices.filter { flags[$0] } }
    let codes = bell(places?.count ?? rows * columns, bits: bits, seed: seed + 10) { i in
      let at = places?[i] ?? i
      return symmetric ? middle : Int(points[at / columns * groups + at % columns / groupSize])
    }
    let stored =
      kept == nil
      ? Planar.pack(codes, rows: rows, columns: columns, bits: bits)
      : Planar.pack(codes, bits: bits)
    return try .packed(
      name: name, shape: [rows, columns], bits: bits, groupSize: groupSize,
      codes: ByteSlice(stored), scales: scales(rows * groups, seed: seed + 20),
      zeros: symmetric ? nil : ByteSlice(Planar.pack(points, bits: bits)), mask: mask)
  }

  /// One weight in `every` is dropped; all of them with 1.
  static func masked(
    _ name: String, rows: Int, columns: Int, bits: Int, every: Int, groupSize: Int = 64, seed: Int
  ) throws -> StoredTensor {
    let kept = (0..<rows * columns).map { $0 % every != 0 }
    return try packed(
      name, rows: rows, columns: columns, bits: bits, groupSize: groupSize,
      mask: .bitmask(ByteSlice(Bitmask.pack(kept, rows: rows, columns: columns))), kept: kept,
      seed: seed)
  }

  static func nm(
    _ name: String, rows: Int, columns: Int, kept: Int, of: Int, bits: Int, groupSize: Int = 64,
    seed: Int
  ) throws -> StoredTensor {
    let pattern = NMPattern(kept: kept, of: of)!
    var flags = [Bool](repeating: false, count: rows * columns)
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: of) {
        let width = min(of, columns - start)
        let first = Int(Samples.byte(seed, row * columns + start)) % width
        for i in 0..<min(kept, width) { flags[row * columns + start + (first + i) % width] = true }
      }
    }
    return try packed(
      name, rows: rows, columns: columns, bits: bits, groupSize: groupSize,
      mask: .nm(pattern, ByteSlice(pattern.pack(flags, rows: rows, columns: columns)!)),
      kept: flags, seed: seed)
  }

  /// A bell of numbers with both signs.
  static func dense(_ name: String, shape: [Int], format: FloatFormat, seed: Int) throws
    -> StoredTensor
  {
    var bytes: [UInt8] = []
    for i in 0..<shape.reduce(1, *) {
      let value = Float((0..<4).reduce(0) { $0 + Int(Samples.byte(seed + $1, i)) } - 510) / 9000
      switch format {
      case .float16: bytes.append(littleEndian: Float16(value).bitPattern)
      case .bfloat16: bytes.append(littleEndian: UInt16(value.bitPattern >> 16))
      default: bytes.append(littleEndian: value.bitPattern)
      }
    }
    return try .dense(name: name, shape: shape, format: format, values: ByteSlice(bytes))
  }

  /// Every layout, bit depth, kind of grid, mask and order, with rows and groups that don't divide
  /// anything; one of several blocks with a short last one, and some that are too small.
  static func tensors() throws -> [StoredTensor] { try made.get() }

  /// Made once for all tests.
  private static let made = Result { try make() }

  private static func make() throws -> [StoredTensor] {
    var tensors: [StoredTensor] = []
    for bits in [2, 3, 4, 8] {
      tensors += [
        try packed(
          "p\(bits).even", rows: 24, columns: 256, bits: bits, groupSize: 64, seed: bits),
        try packed(
          "p\(bits).odd", rows: 31, columns: 203, bits: bits, groupSize: 48, seed: 40 + bits),
        try packed(
          "p\(bits).row", rows: 17, columns: 321, bits: bits, groupSize: 321, seed: 50 + bits),
        try packed(
          "p\(bits).symmetric", rows: 16, columns: 320, bits: bits, groupSize: 32, symmetric: true,
          seed: 60 + bits),
        try packed("p\(bits).one", rows: 1, columns: 1, bits: bits, groupSize: 1, seed: 70 + bits),
        try masked("m\(bits).some", rows: 33, columns: 190, bits: bits, every: 3, seed: 80 + bits),
        try masked("m\(bits).none", rows: 3, columns: 70, bits: bits, every: 1, seed: 90 + bits),
        try nm(
          "n\(bits).2of4", rows: 41, columns: 150, kept: 2, of: 4, bits: bits, seed: 100 + bits),
      ]
      for tensor in [
        try masked("i\(bits).mask", rows: 32, columns: 256, bits: bits, every: 3, seed: 110 + bits),
        try nm(
          "i\(bits).2of4", rows: 48, columns: 320, kept: 2, of: 4, bits: bits, groupSize: 128,
          seed: 120 + bits),
      ] { tensors += [try tensor.withInterleavedRows()].compactMap { $0 } }
    }
    return tensors + [
      try packed("blocks", rows: 1100, columns: 2200, bits: 3, groupSize: 64, seed: 1),
      try masked(
        "m.sorted", rows: 150, columns: 1000, bits: 3, every: 2, groupSize: 250, seed: 21),
      try nm(
        "n.sorted", rows: 150, columns: 1001, kept: 2, of: 4, bits: 4, groupSize: 350, seed: 22),
      try nm("n.4of8", rows: 57, columns: 333, kept: 4, of: 8, bits: 4, seed: 2),
      try nm("n.1of5", rows: 57, columns: 333, kept: 1, of: 5, bits: 4, seed: 3),
      try nm("n.7of9", rows: 57, columns: 333, kept: 7, of: 9, bits: 4, seed: 4),
      try dense("d.f32", shape: [70, 10], format: .float32, seed: 5),
      try dense("d.f16", shape: [67, 101], format: .float16, seed: 6),
      try dense("d.bf16", shape: [5001], format: .bfloat16, seed: 7),
      try dense("d.long", shape: [3, 150_001], format: .float16, seed: 8),
    ]
  }

  /// The tensors and everything else that a bundle has.
  static func write(_ path: String, storage: TensorStorage) throws {
    var writer = BundleWriter(path: path, storage: storage)
    for tensor in try tensors() {
      writer.addTensor(tensor, origin: SectionOrigin(stage: Samples.digest("key"), inputs: []))
    }
    writer.addAdapter(Samples.prompt("demo", weights: try writer.weightsDigest()))
    writer.add(.document(.tokenizer, bytes: Samples.tokenizer))
    writer.add(.document(.modelConfiguration, json: ["family": "llama", "layers": 1]))
    writer.add(.provenance(Samples.provenance))
    writer.add(.evidence([Samples.evidence, Samples.evidence, Samples.evidence]))
    try writer.finish()
  }
}
