import BundleFormat
import Bytes
import Checkpoints
import Compression
import Numerics
import Testing

@Suite struct DenseStorageTests {
  /// Three tensors in memory: a float32 matrix, a bf16 matrix and a float32 gain.
  private struct Source: TensorSource {
    let configuration = BlockCompressorTests.configuration
    let tensorNames = ["matrix", "half", "gain"]
    let tokenizer = TokenizerMaterial.none
    let files: [String] = []
    var values: [Float] = [1, -2.5, 3.000_001, 0, 65519, -1e-8]

    func shape(of name: String) -> [Int]? {
      switch name {
      case "matrix", "half": [2, 3]
      case "gain": [6]
      default: nil
      }
    }
    func sourceType(of name: String) -> String? { name == "half" ? "BF16" : "F32" }
    func tensor(_ name: String) throws(Failure) -> Tensor {
      Tensor(shape(of: name) ?? [], name == "half" ? values.map(Self.brain) : values)
    }
    func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)? {
      guard name == "half" else { return nil }
      return (.bfloat16, ByteSlice(values.map(Self.brain).flatMap { Self.bytes($0) }))
    }
    static func brain(_ x: Float) -> Float { Float(bitPattern: x.bitPattern & 0xFFFF_0000) }
    static func bytes(_ x: Float) -> [UInt8] {
      [UInt8(x.bitPattern >> 16 & 255), UInt8(x.bitPattern >> 24)]
    }
  }

  @Test func sourceFormatIsKept() throws {
    let source = Source()
    let half = try DenseStorage.asSource.store("half", from: source)
    #expect(half.descriptor.layout == .bf16)
    #expect(try half.dequantized() == source.tensor("half").values)
    let matrix = try DenseStorage.asSource.store("matrix", from: source)
    #expect(matrix.descriptor.layout == .f32)
    #expect(try matrix.dequantized() == source.values)
  }

  @Test func matricesAreRoundedToTheFormat() throws {
    let source = Source()
    let brain = try DenseStorage.bf16.store("matrix", from: source)
    #expect(try brain.dequantized() == [1, -2.5, 3, 0, 65536, -1.001171767711639e-08])
    #expect(brain.descriptor.layout == .bf16)
    let half = try DenseStorage.f16.store("matrix", from: source)
    #expect(try half.dequantized() == [1, -2.5, 3, 0, 65504, 0])
    let full = try DenseStorage.f32.store("half", from: source)
    #expect(full.descriptor.layout == .f32)
    #expect(try full.dequantized() == source.tensor("half").values)
    // Gains stay exact, because every activation passes through them.
    #expect(try DenseStorage.bf16.store("gain", from: source).dequantized() == source.values)
  }

  @Test func valuesThatCannotBeStoredAreRefused() {
    var source = Source()
    source.values[3] = .nan
    #expect { try DenseStorage.asSource.store("matrix", from: source) } throws: {
      ($0 as? Failure)?.kind == .invalidData && ($0 as? Failure)?.place == "matrix"
    }
    source.values[3] = 65520
    #expect { try DenseStorage.f16.store("matrix", from: source) } throws: {
      ($0 as? Failure)?.kind == .usage && ($0 as? Failure)?.finding.contains("f16") == true
    }
  }
}
