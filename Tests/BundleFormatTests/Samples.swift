import BundleFormat
import Bytes

/// A small bundle with every kind of section, the same on every run.
enum Samples {
  /// Reproducible numbers without a generator's state: a hash of the index.
  static func byte(_ seed: Int, _ index: Int) -> UInt8 {
    var x = UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ index) &* 0x9E37_79B9_7F4A_7C15
    x ^= x >> 31
    x &*= 0xBF58_476D_1CE4_E5B9
    return UInt8(truncatingIfNeeded: x >> 40)
  }

  static func codes(_ count: Int, bits: Int, seed: Int) -> [UInt8] {
    (0..<count).map { byte(seed, $0) >> UInt8(8 - bits) }
  }

  /// f16 scales between 1/64 and about 1/2.
  static func scales(_ count: Int, seed: Int) -> ByteSlice {
    var bytes: [UInt8] = []
    for i in 0..<count {
      bytes.append(littleEndian: Float16((Float(byte(seed, i)) + 8) / 512).bitPattern)
    }
    return ByteSlice(bytes)
  }

  static func flags(_ count: Int, seed: Int) -> [Bool] { (0..<count).map { byte(seed, $0) < 128 } }

  static func packed(
    _ name: String, rows: Int, columns: Int, bits: Int, groupSize: Int, symmetric: Bool,
    scaleExponent: Int = 0, seed: Int
  ) throws -> StoredTensor {
    let groups = (columns + groupSize - 1) / groupSize
    let zeros =
      symmetric ? nil : Planar.pack(codes(rows * groups, bits: bits, seed: seed + 1), bits: bits)
    return try .packed(
      name: name, shape: [rows, columns], bits: bits, groupSize: groupSize,
      codes: ByteSlice(
        Planar.pack(
          codes(rows * columns, bits: bits, seed: seed), rows: rows, columns: columns, bits: bits)),
      scales: scales(rows * groups, seed: seed + 2), zeros: zeros.map { ByteSlice($0) },
      scaleExponent: scaleExponent)
  }

  static func masked(
    _ name: String, rows: Int, columns: Int, bits: Int, groupSize: Int, seed: Int
  ) throws -> StoredTensor {
    let kept = flags(rows * columns, seed: seed)
    let groups = (columns + groupSize - 1) / groupSize
    let survivors = kept.count { $0 }
    return try .packed(
      name: name, shape: [rows, columns], bits: bits, groupSize: groupSize,
      codes: ByteSlice(Planar.pack(codes(survivors, bits: bits, seed: seed + 1), bits: bits)),
      scales: scales(rows * groups, seed: seed + 2),
      zeros: ByteSlice(Planar.pack(codes(rows * groups, bits: bits, seed: seed + 3), bits: bits)),
      mask: .bitmask(ByteSlice(Bitmask.pack(kept, rows: rows, columns: columns))))
  }

  static func dense(_ name: String, shape: [Int], format: FloatFormat, seed: Int) throws
    -> StoredTensor
  {
    var bytes: [UInt8] = []
    for i in 0..<shape.reduce(1, *) {
      let value = (Float(byte(seed, i)) - 128) / 32
      switch format {
      case .float16: bytes.append(littleEndian: Float16(value).bitPattern)
      case .bfloat16: bytes.append(littleEndian: UInt16(value.bitPattern >> 16))
      default: bytes.append(littleEndian: value.bitPattern)
      }
    }
    return try .dense(name: name, shape: shape, format: format, values: ByteSlice(bytes))
  }

  static func nm(_ name: String, rows: Int, columns: Int, kept: Int, of: Int, seed: Int) throws
    -> StoredTensor
  {
    let positions = NMPattern(kept: kept, of: of)!
    var flags = [Bool](repeating: false, count: rows * columns)
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: of) {
        let width = min(of, columns - start)
        let order = (0..<width).sorted {
          byte(seed, row * columns + start + $0) < byte(seed, row * columns + start + $1)
        }
        for at in order.prefix(kept) { flags[row * columns + start + at] = true }
      }
    }
    let survivors = flags.count { $0 }
    return try .packed(
      name: name, shape: [rows, columns], bits: 4, groupSize: 16,
      codes: ByteSlice(Planar.pack(codes(survivors, bits: 4, seed: seed), bits: 4)),
      scales: scales(rows * ((columns + 15) / 16), seed: seed + 1),
      mask: .nm(positions, ByteSlice(positions.pack(flags, rows: rows, columns: columns)!)))
  }

  static func tensors() throws -> [StoredTensor] {
    [
      try packed("a.two", rows: 3, columns: 70, bits: 2, groupSize: 64, symmetric: false, seed: 1),
      try packed(
        "a.three", rows: 5, columns: 130, bits: 3, groupSize: 48, symmetric: false,
        scaleExponent: -3, seed: 2),
      try packed("a.four", rows: 2, columns: 64, bits: 4, groupSize: 64, symmetric: true, seed: 3),
      try packed("a.eight", rows: 4, columns: 33, bits: 8, groupSize: 7, symmetric: false, seed: 4),
      try masked("m.three", rows: 4, columns: 100, bits: 3, groupSize: 32, seed: 5),
      try nm("m.four", rows: 3, columns: 38, kept: 2, of: 4, seed: 6),
      try dense("d.f32", shape: [7], format: .float32, seed: 7),
      try dense("d.f16", shape: [3, 5], format: .float16, seed: 8),
      try dense("d.bf16", shape: [2, 9], format: .bfloat16, seed: 9),
    ]
  }

  static func digest(_ text: String) -> SHA256Digest { SHA256Digest(hashing: Array(text.utf8)) }

  static func prompt(_ name: String, weights: SHA256Digest?, unvalidated: Bool = false)
    -> StoredAdapter
  {
    StoredAdapter(
      name: name, tokens: 3, width: 4, embeddings: (0..<12).map { Float($0) / 8 - 0.5 },
      binding: .init(baseModel: digest("model"), tokenizer: digest("{}"), weights: weights),
      objective: "cross-entropy",
      validatedOn: [
        Validation(
          weights: weights ?? digest("other"), protocol: "windows-v1", text: "sample",
          textDigest: nil, pplWithout: 20.5, pplWith: 19.25, scoredTokens: 100)
      ], training: ["steps": 10, "rate": 0.001], unvalidated: unvalidated)
  }

  static let tokenizer = ByteSlice(Array("{ \"model\": {\"vocab\": {\"a\": 0}} }".utf8))

  static var provenance: Provenance {
    Provenance(
      baseModel: digest("model"), baseModelName: "tiny",
      tokenizer: SHA256Digest(hashing: tokenizer),
      data: [.init(role: "calibration", name: "text", sha256: digest("text"))],
      recipe: digest("recipe"), programVersion: "0", kernelClass: "plain",
      stages: [.init(name: "import", key: digest("key"))])
  }

  static var evidence: EvidenceRecord {
    EvidenceRecord(
      protocol: "windows-v1", text: "sample", textDigest: digest("text"), model: "compressed",
      prompt: nil, ppl: 20.5, pplStandardError: 0.25, nll: 302.0, scoredTokens: 100, tokens: 101,
      windows: 1)
  }

  static func writer(_ path: String) throws -> BundleWriter {
    var writer = BundleWriter(path: path)
    for tensor in try tensors() {
      writer.addTensor(
        tensor,
        origin: SectionOrigin(stage: digest("key"), inputs: [("checkpoint", digest("model"))]))
    }
    writer.addAdapter(prompt("demo", weights: try writer.weightsDigest()))
    writer.add(.document(.tokenizer, bytes: tokenizer))
    writer.add(.document(.modelConfiguration, json: ["family": "llama", "layers": 1]))
    writer.add(.document(.recipe, bytes: ByteSlice(Array("name: sample\n".utf8))))
    writer.add(.provenance(provenance))
    writer.add(.evidence([evidence, evidence, evidence]))
    writer.add(
      .events([
        EventRecord(stage: "compress", tensor: "a.two", kind: "damping-raised", detail: ["to": 0.1])
      ]))
    return writer
  }

  @discardableResult
  static func write(_ path: String) throws -> SHA256Digest { try writer(path).finish() }
}
