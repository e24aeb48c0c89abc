import Bundle
import Bytes
import Checkpoints
import Models
import Numerics

/// Random models in memory, small and with odd sizes, with dense or packed weights.
struct TinyModel {
  static let configuration = ModelConfiguration(
    vocabularySize: 53, hiddenSize: 24, intermediateSize: 37, layers: 3, heads: 3, kvHeads: 1,
    headDim: 6, tiedEmbeddings: true, maximumPositions: 128)

  /// - Parameter bits: of packed weights, groups of 16; nil for dense ones.
  static func make(
    seed: UInt64, bits: Int? = nil, configuration c: ModelConfiguration = configuration
  ) throws -> LanguageModel {
    var random = SeededGenerator(seed: seed)
    let blocks = try (0..<c.layers).map { index in
      try Block(
        index: index, configuration: c, inputNorm: gain(c.hiddenSize, &random),
        postNorm: gain(c.hiddenSize, &random)
      ) { name throws(Failure) in
        let (rows, columns) = c.shape(of: name)
        let values = normals(rows * columns, 0.3, &random)
        guard let bits else { return Linear(weight: .dense(Tensor([rows, columns], values))) }
        return try Linear(weight: .packed(packed(values, rows: rows, columns: columns, bits: bits)))
      }
    }
    let embedding = Weight.dense(
      Tensor(
        [c.vocabularySize, c.hiddenSize], normals(c.vocabularySize * c.hiddenSize, 0.7, &random)))
    return LanguageModel(
      configuration: c, embedding: embedding, head: embedding,
      finalNorm: gain(c.hiddenSize, &random), blocks: blocks)
  }

  static func sequences(_ count: Int, length: Int, seed: UInt64) -> [[Int32]] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      (0..<length).map { _ in Int32(random.below(configuration.vocabularySize)) }
    }
  }

  static func prompt(_ tokens: Int, seed: UInt64) -> Tensor {
    var random = SeededGenerator(seed: seed)
    return Tensor(
      [tokens, configuration.hiddenSize], normals(tokens * configuration.hiddenSize, 0.7, &random))
  }

  static func normals(_ count: Int, _ deviation: Double, _ random: inout SeededGenerator) -> [Float]
  {
    (0..<count).map { _ in Float(random.normal() * deviation) }
  }

  private static func gain(_ count: Int, _ random: inout SeededGenerator) -> Tensor {
    Tensor([count], normals(count, 0.2, &random).map { 1 + $0 })
  }

  /// Rounded to nearest on an asymmetric grid, groups of 16 columns, the last one shorter.
  static func packed(
    _ values: [Float], rows: Int, columns: Int, bits: Int
  ) throws(Failure) -> PackedMatrix {
    let (width, top) = (16, Float((1 << bits) - 1))
    var (codes, scales, zeros) = ([UInt8](), [UInt8](), [UInt8]())
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: width) {
        let group = values[row * columns + start..<row * columns + min(columns, start + width)]
        let low = min(0, group.min() ?? 0)
        let scale = Float16((max(0, group.max() ?? 0) - low) / top)
        let zero = (-low / Float(scale)).rounded()
        scales += [UInt8(truncatingIfNeeded: scale.bitPattern), UInt8(scale.bitPattern >> 8)]
        zeros.append(UInt8(min(max(zero, 0), top)))
        codes += group.map { UInt8(min(max(($0 / Float(scale)).rounded() + zero, 0), top)) }
      }
    }
    return try PackedMatrix(
      rows: rows, columns: columns, bits: bits, groupSize: width,
      codes: ByteSlice(Planar.pack(codes, rows: rows, columns: columns, bits: bits)),
      scales: ByteSlice(scales), zeros: ByteSlice(Planar.pack(zeros, bits: bits)), mask: nil)
  }
}
