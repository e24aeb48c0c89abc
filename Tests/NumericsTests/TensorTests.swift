import Bytes
import Numerics
import Testing

extension NumericsTests {
  @Suite struct TensorTests {
    @Test func viewsShareValues() {
      let tensor = Tensor([4, 2, 3])
      #expect(tensor.count == 24 && tensor.rows == 4 && tensor.columns == 6)
      let view = tensor.rows(1..<3)
      view[0, 5] = 7
      #expect(view.shape == [2, 2, 3] && tensor[11] == 7 && tensor[1, 5] == 7)
      let copy = tensor.copy()
      copy[1, 5] = 8
      #expect(tensor[11] == 7)
      tensor.reshaped([24]).fill(2)
      #expect(tensor.values == [Float](repeating: 2, count: 24))
      view.copy(from: (0..<12).map { Float($0) })
      #expect(Array(tensor.values[5..<9]) == [2, 0, 1, 2])
    }

    @Test func emptyAndScalarShapes() {
      #expect(Tensor([0, 5]).values == [])
      #expect(Tensor([3, 0]).columns == 0)
      let scalar = Tensor([], [4])
      #expect(scalar.count == 1 && scalar.rows == 1 && scalar[0] == 4)
      #expect(Tensor([2, 3]).rows(1..<1).count == 0)
    }

    @Test func mapsBytesWithoutCopying() throws {
      let floats: [Float] = [1, -2.5, 0, .infinity]
      let bytes = floats.flatMap { value in
        (0..<4).map { UInt8(value.bitPattern >> ($0 * 8) & 255) }
      }
      let mapped = Tensor(mapping: ByteSlice(bytes), shape: [2, 2])
      #expect(mapped.values == floats && mapped.isReadOnly)
      #expect(mapped.rows(1..<2).isReadOnly && !mapped.copy().isReadOnly)
      let shifted = try #require(ByteSlice([0] + bytes).slice(1..<17))
      #expect(!shifted.isAligned(to: 4))
      #expect(Tensor(mapping: shifted, shape: [4]).values == floats)
    }

    @Test func spans() {
      let tensor = Tensor([3], [1, 2, 3])
      tensor.withMutableSpan { span in span[1] = 5 }
      #expect(tensor.withSpan { $0[1] + $0[2] } == 8)
    }
  }
}
