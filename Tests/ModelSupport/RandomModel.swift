import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics
import TestSupport

/// Random models in memory, small and of odd sizes, with dense or packed weights. The same seed
/// gives the same model; a test that checks a bound, not an outcome, passes a seed from its
/// `TestRandom`.
package struct RandomModel {
  /// LLaMA's design, with one key-value head for three heads.
  package static let configuration = ModelConfiguration(
    vocabularySize: 53, hiddenSize: 24, intermediateSize: 37, layers: 3, heads: 3, kvHeads: 1,
    headDim: 6, tiedEmbeddings: true, maximumPositions: 128)

  /// A model with normally distributed weights.
  /// - Parameter bits: bits of packed weights, in groups of 16; nil for dense weights.
  package static func make(
    seed: UInt64, bits: Int? = nil, configuration c: ModelConfiguration = configuration
  ) throws -> LanguageModel {
    var random = TestRandom(fixture: seed)
    let blocks = try (0..<c.layers).map { index in
      try Block(
        index: index, configuration: c, attentionNorm: norm(c, &random),
        feedForwardNorm: norm(c, &random), headNorms: headNorms(c, &random)
      ) { name throws(Failure) in
        let (rows, columns) = c.shape(of: name)
        let values = normals(rows * columns, 0.3, &random)
        let bias = c.hasBias(name) ? Tensor([rows], normals(rows, 0.3, &random)) : nil
        guard let bits else {
          return Linear(weight: .dense(Tensor([rows, columns], values)), bias: bias)
        }
        return try Linear(
          weight: .packed(packed(values, rows: rows, columns: columns, bits: bits)), bias: bias)
      }
    }
    func matrix(_ rows: Int, _ columns: Int, _ deviation: Double) -> Weight {
      .dense(Tensor([rows, columns], normals(rows * columns, deviation, &random)))
    }
    let embedding = matrix(c.vocabularySize, c.embeddingSize, 0.7)
    let isProjected = c.embeddingSize != c.hiddenSize
    let into = isProjected ? Linear(weight: matrix(c.hiddenSize, c.embeddingSize, 0.3)) : nil
    let out = isProjected ? Linear(weight: matrix(c.embeddingSize, c.hiddenSize, 0.3)) : nil
    let positions = c.positionRows.map { (table: matrix($0, c.hiddenSize, 0.3), offset: 2) }
    return LanguageModel(
      configuration: c,
      input: InputLayer(embedding: embedding, projection: into, positions: positions),
      output: OutputLayer(
        norm: c.design.hasFinalNorm ? norm(c, &random) : nil, projection: out, head: embedding),
      blocks: blocks)
  }

  /// OPT's design, with norms before attention and feed-forward.
  package static let opt = ModelConfiguration(
    family: .opt, design: opt(.before, .relu), vocabularySize: 53, hiddenSize: 24,
    intermediateSize: 37, layers: 3, heads: 3, kvHeads: 3, headDim: 8, tiedEmbeddings: true,
    maximumPositions: 512)
  /// OPT 350M's design: norms after attention and feed-forward, token embeddings of another width;
  /// here with heads of odd width.
  package static let opt350M = ModelConfiguration(
    family: .opt, design: opt(.after, .gelu), vocabularySize: 53, hiddenSize: 21,
    embeddingSize: 24, intermediateSize: 37, layers: 3, heads: 3, kvHeads: 3, headDim: 7,
    tiedEmbeddings: true, maximumPositions: 512)
  /// Qwen3's design: norms on each head's queries and keys.
  package static let qwen3 = ModelConfiguration(
    family: .qwen3, design: .llama(hasHeadNorms: true), vocabularySize: 53, hiddenSize: 24,
    intermediateSize: 37, layers: 3, heads: 4, kvHeads: 2, headDim: 10, tiedEmbeddings: true,
    maximumPositions: 128)
  /// All block designs: LLaMA's, Qwen3's and OPT's two.
  package static let designs = [configuration, qwen3, opt, opt350M]

  private static func opt(
    _ placement: ModelDesign.NormPlacement, _ activation: Activation
  ) -> ModelDesign {
    ModelDesign(
      norm: .layer(hasWeights: true), normPlacement: placement, hasFinalNorm: placement == .before,
      feedForward: .plain(activation), positions: .learned(offset: 2), biases: .all)
  }

  private static func norm(_ c: ModelConfiguration, _ random: inout TestRandom) -> Norm {
    let ones = gain(c.hiddenSize, &random)
    if c.design.norm == .rms { return .rms(gain: ones, epsilon: c.normEpsilon) }
    let bias = Tensor([c.hiddenSize], normals(c.hiddenSize, 0.2, &random))
    return .layer(gain: ones, bias: bias, epsilon: c.normEpsilon)
  }

  private static func headNorms(
    _ c: ModelConfiguration, _ random: inout TestRandom
  ) -> HeadNorms? {
    guard c.design.hasHeadNorms else { return nil }
    return HeadNorms(
      query: .rms(gain: gain(c.headDim, &random), epsilon: c.normEpsilon),
      key: .rms(gain: gain(c.headDim, &random), epsilon: c.normEpsilon))
  }

  /// `count` sequences of `length` random token ids.
  package static func sequences(_ count: Int, length: Int, seed: UInt64) -> [[Int32]] {
    var random = TestRandom(fixture: seed)
    return (0..<count).map { _ in
      (0..<length).map { _ in Int32(random.below(configuration.vocabularySize)) }
    }
  }

  /// A random soft prompt [tokens, e].
  package static func prompt(_ tokens: Int, seed: UInt64) -> Tensor {
    var random = TestRandom(fixture: seed)
    return Tensor(
      [tokens, configuration.embeddingSize],
      normals(tokens * configuration.embeddingSize, 0.7, &random))
  }

  /// Normally distributed numbers with mean 0.
  package static func normals(_ count: Int, _ deviation: Double, _ random: inout TestRandom)
    -> [Float]
  {
    (0..<count).map { _ in Float(random.normal() * deviation) }
  }

  private static func gain(_ count: Int, _ random: inout TestRandom) -> Tensor {
    Tensor([count], normals(count, 0.2, &random).map { 1 + $0 })
  }

  /// `values` [rows, columns] rounded to nearest on asymmetric grids, one per group of 16 columns
  /// (the last group of a row may be shorter).
  package static func packed(
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

extension LanguageModel {
  /// Input rows of the output head [m, e] for rows after the last block [m, d], by norm and
  /// projection alone.
  package func hidden(after x: Tensor) -> Tensor {
    let rows = x.copy()
    output.norm?.forward(rows, into: rows)
    guard let projection = output.projection else { return rows }
    let hidden = Tensor([rows.rows, configuration.embeddingSize])
    projection.apply(rows, into: hidden, arithmetic: .float32)
    return hidden
  }
}
