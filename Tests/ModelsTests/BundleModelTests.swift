import BundleFormat
import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import TestSupport
import Testing

/// Models read from bundles with dense, half-precision, packed and masked tensors, against models
/// of the decoded tensors (`StoredTensor.dequantized`).
@Suite struct BundleModelTests {
  let folder: TemporaryFolder
  let source: any TensorSource

  init() throws {
    folder = try TemporaryFolder()
    source = try Checkpoint.open(GoldenFile.folder + "llama-odd")
  }

  /// The checkpoint's tensors as a bundle stores them: linear layers packed with 2, 3, 4 or 8 bits
  /// in turn, the up projections masked, the embedding in float16 as the checkpoint has it, the
  /// rest in float32.
  func stored() throws -> [StoredTensor] {
    var (result, packed) = ([StoredTensor](), 0)
    for name in source.tensorNames {
      let tensor = try source.tensor(name)
      let shape = tensor.shape
      if name.contains("embed"), let (_, bytes) = source.storedFloats(name) {
        result.append(try .dense(name: name, shape: shape, format: .float16, values: bytes))
      } else if name.contains("mlp.up") {
        result.append(try masked(name, tensor))
      } else if name.contains("proj") {
        packed += 1
        let bits = [2, 3, 4, 8][packed % 4]
        let matrix = try RandomModel.packed(
          tensor.values, rows: shape[0], columns: shape[1], bits: bits)
        result.append(
          try .packed(
            name: name, shape: shape, bits: bits, groupSize: matrix.groupSize,
            codes: matrix.codes, scales: matrix.scales, zeros: matrix.zeros))
      } else {
        let bytes = ByteSlice([UInt8](floats: tensor.values))
        result.append(try .dense(name: name, shape: shape, format: .float32, values: bytes))
      }
    }
    return result
  }

  /// A float32 tensor under a bitmask that keeps two weights of three.
  func masked(_ name: String, _ tensor: Tensor) throws -> StoredTensor {
    let (rows, columns) = (tensor.rows, tensor.columns)
    let keep = (0..<rows * columns).map { $0 % 3 != 0 }
    let survivors = zip(tensor.values, keep).filter(\.1).map(\.0)
    let bits = ByteSlice(Bitmask.pack(keep, rows: rows, columns: columns))
    return try .dense(
      name: name, shape: tensor.shape, format: .float32,
      values: ByteSlice([UInt8](floats: survivors)), mask: .bitmask(bits))
  }

  /// The model of a bundle with these tensors.
  func bundle(_ tensors: [StoredTensor]) throws -> LanguageModel {
    let path = folder.file("model.ctpack")
    var writer = BundleWriter(path: path)
    for tensor in tensors { writer.addTensor(tensor) }
    writer.add(.document(.modelConfiguration, json: source.configuration.canonical))
    try writer.finish()
    return try LanguageModel(bundle: ModelBundle(path: path), residency: .streamed)
  }

  @Test func aBundlesModelScoresLikeItsDecodedTensors() throws {
    let tensors = try stored()
    let ids = try Golden("llama-odd").ids
    let found = try bundle(tensors).nll(sequences: ids)

    var plain: [String: Tensor] = [:]
    for tensor in tensors {
      plain[tensor.descriptor.name] = Tensor(
        tensor.descriptor.shape, try tensor.dequantized())
    }
    func weight(_ name: String) throws(Failure) -> Tensor {
      guard let tensor = plain[name] else { throw Failure(.invalidData, name) }
      return tensor
    }
    let c = source.configuration
    func norm(_ name: String) throws(Failure) -> Norm {
      .rms(gain: try weight(name), epsilon: c.normEpsilon)
    }
    let blocks = try (0..<c.layers).map { index in
      try Block(
        index: index, configuration: c,
        attentionNorm: norm("model.layers.\(index).input_layernorm.weight"),
        feedForwardNorm: norm("model.layers.\(index).post_attention_layernorm.weight")
      ) { name throws(Failure) in
        Linear(weight: .dense(try weight(c.keys.weight(of: name, block: index))))
      }
    }
    let embedding = Weight.dense(try weight("model.embed_tokens.weight"))
    let reference = LanguageModel(
      configuration: c, input: InputLayer(embedding: embedding),
      output: OutputLayer(norm: try norm("model.norm.weight"), head: embedding), blocks: blocks)
    let expected = try reference.nll(sequences: ids)
    #expect(relativeDeviation(found.flatMap(\.self), expected.flatMap(\.self)) <= 1e-5)
    // Packed weights give other losses: an outcome, without which the test would show nothing.
    let full = try LanguageModel(source: source).nll(sequences: ids)
    #expect(relativeDeviation(found.flatMap(\.self), full.flatMap(\.self)) > 1e-2)
  }

  /// A file that passes the full audit is one whose weights can be used: at both ends of the exponents'
  /// range, the weights read from it and their products are those of plain arithmetic.
  @Test func extremeScaleExponentsCanBeUsed() throws {
    let exponents = [-64, 64]
    let path = folder.file("extreme.ctpack")
    var writer = BundleWriter(path: path)
    let values = try source.tensor("model.layers.0.mlp.gate_proj.weight")
    let matrix = try RandomModel.packed(
      values.values, rows: values.rows, columns: values.columns, bits: 4)
    for exponent in exponents {
      writer.addTensor(
        try .packed(
          name: "w\(exponent)", shape: values.shape, bits: 4, groupSize: matrix.groupSize,
          codes: matrix.codes, scales: matrix.scales, zeros: matrix.zeros,
          scaleExponent: exponent))
    }
    writer.add(.document(.modelConfiguration, json: source.configuration.canonical))
    try writer.finish()
    #expect(try ModelBundle.audit(path: path, level: .full).isEmpty)

    let checkpoint = try BundleCheckpoint(path: path)
    var random = TestRandom()
    let x = Tensor([1, values.columns], random.floats(values.columns))
    for exponent in exponents {
      let stored = try #require(try checkpoint.bundle.tensor(named: "w\(exponent)"))
      let plain = try stored.dequantized()
      #expect(plain.contains { $0 != 0 } && plain.allSatisfy { $0 == 0 || $0.isNormal })
      let weight = try checkpoint.weight("w\(exponent)")
      #expect(weight.dense().values == plain)
      let y = Tensor([1, values.rows])
      weight.apply(x, into: y)
      for row in 0..<values.rows {
        var (sum, size) = (0.0, 0.0)
        for column in 0..<values.columns {
          let term = Double(x.values[column]) * Double(plain[row * values.columns + column])
          sum += term
          size += abs(term)
        }
        // Each term and each sum of k is rounded once: γ₍ₖ₊₁₎ of the terms' sizes.
        let bound = Rounding.gamma(values.columns + 2) * size
        #expect(
          abs(Double(y.values[row]) - sum) <= bound, "row \(row), \(exponent), \(random.note)")
      }
    }
  }

  @Test func errorsNameAMissingOrMisshapenTensor() throws {
    let tensors = try stored()
    let name = "model.layers.1.self_attn.o_proj.weight"
    func failure(_ tensors: [StoredTensor]) throws -> Failure? {
      let model = try bundle(tensors)
      do throws(Failure) { _ = try model.nll(sequences: [[1, 2, 3]]) } catch { return error }
      return nil
    }
    let missing = try failure(tensors.filter { $0.descriptor.name != name })
    #expect(missing?.kind == .invalidData)
    #expect(missing?.place?.contains(name) == true)
    let small = try StoredTensor.dense(
      name: name, shape: [40, 39], format: .float32,
      values: ByteSlice([UInt8](floats: Array(repeating: 0, count: 40 * 39))))
    let misshapen = try failure(tensors.filter { $0.descriptor.name != name } + [small])
    #expect(misshapen?.kind == .invalidData)
    #expect(misshapen?.finding.contains("[40, 39]") == true)
  }
}
