import BundleFormat
import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import TestSupport
import Testing

/// Weights that are NaN or infinite: use of the model names the tensor.
@Suite struct DamagedWeightTests {
  let folder: TemporaryFolder
  /// 30 different tokens, none of which is 0.
  let ids = (0..<30).map { Int32(8 * $0 + 3) }

  init() throws { folder = try TemporaryFolder() }

  /// The failure of `body`; nil if it succeeds.
  private func failure(_ body: () throws(Failure) -> Void) -> Failure? {
    do throws(Failure) { try body() } catch { return error }
    return nil
  }

  private func expectNamed(
    _ name: String, by failure: Failure?, _ note: String, file: String,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(failure?.kind == .invalidData, "\(note)", sourceLocation: location)
    #expect(failure?.reason == .weightNotFinite, "\(note)", sourceLocation: location)
    #expect(failure?.place == "tensor \"\(name)\"", "\(note)", sourceLocation: location)
    #expect(failure?.file == file, "\(note)", sourceLocation: location)
  }

  /// A NaN with all bits set is what erased memory holds; its low bits must not turn it into a
  /// number on the way through an exponential.
  @Test(
    arguments: [TinyCheckpoint.Family.llama, .opt, .opt350M],
    [Float.nan, .infinity, Float(bitPattern: 0xFFFF_FFFF)])
  func everyTensorIsNamed(_ family: TinyCheckpoint.Family, _ damage: Float) throws {
    var tiny = TinyCheckpoint()
    (tiny.family, tiny.layers, tiny.damage) = (family, 2, damage)
    let whole = try LanguageModel(source: Checkpoint.open(tiny.write(to: folder)))
    #expect(try whole.nll(sequences: [ids])[0].count == 29)
    // The first rows of a table of learned positions belong to no position.
    for name in tiny.tensorNames where !name.hasSuffix("embed_positions.weight") {
      tiny.damaged = name
      let path = try tiny.write(to: folder)
      for arithmetic in Arithmetic.allCases {
        let model = try LanguageModel(source: Checkpoint.open(path), arithmetic: arithmetic)
        let note = "\(name), \(arithmetic)"
        expectNamed(
          name, by: failure { () throws(Failure) in _ = try model.nll(sequences: [ids]) }, note,
          file: path)
        for cache in AttentionCache.Format.allCases {
          let generated = failure { () throws(Failure) in
            _ = try model.greedy(ids, maxTokens: 2, cache: cache)
          }
          expectNamed(name, by: generated, "\(note), \(cache)", file: path)
        }
      }
    }
  }

  /// In a bundle, a scale of packed weights is NaN.
  @Test func aScaleOfPackedWeightsIsNamed() throws {
    let source = try Checkpoint.open(TinyCheckpoint().write(to: folder))
    let name = "model.layers.1.mlp.down_proj.weight"
    for damaged in [false, true] {
      let path = folder.file("model.ctpack")
      var writer = BundleWriter(path: path)
      for other in source.tensorNames {
        let tensor = try source.tensor(other)
        guard other == name else {
          let bytes = ByteSlice([UInt8](floats: tensor.values))
          writer.addTensor(
            try .dense(name: other, shape: tensor.shape, format: .float32, values: bytes))
          continue
        }
        let matrix = try RandomModel.packed(
          tensor.values, rows: tensor.rows, columns: tensor.columns, bits: 4)
        var scales = matrix.scales.halves()
        if damaged { scales[7] = .nan }
        writer.addTensor(
          try .packed(
            name: name, shape: tensor.shape, bits: 4, groupSize: matrix.groupSize,
            codes: matrix.codes, scales: ByteSlice([UInt8](floats: scales, as: .float16)),
            zeros: matrix.zeros))
      }
      writer.add(.document(.modelConfiguration, json: source.configuration.canonical))
      try writer.finish()
      let model = try LanguageModel(bundle: ModelBundle(path: path))
      let scored = failure { () throws(Failure) in _ = try model.nll(sequences: [ids]) }
      let generated = failure { () throws(Failure) in _ = try model.greedy(ids, maxTokens: 2) }
      if damaged {
        expectNamed(name, by: scored, "scored", file: path)
        expectNamed(name, by: generated, "generated", file: path)
      } else {
        #expect(scored == nil && generated == nil)
      }
    }
  }

  /// An adapter's own numbers are checked before it is used.
  @Test func anAdaptersNumberIsNamed() throws {
    let model = try RandomModel.make(seed: 61)
    let prompt = RandomModel.prompt(3, seed: 62)
    prompt[30] = .nan
    let found = failure { () throws(Failure) in
      _ = try Scorer(model, adapter: .prompt(prompt)).nll([[1, 2, 3]])
    }
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "adapter")
    #expect(found?.finding.contains("number 30 is nan") == true)
  }
}
