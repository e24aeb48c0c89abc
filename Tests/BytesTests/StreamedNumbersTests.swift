import Bytes
import TestSupport
import Testing

/// Numbers that are read or checked in one pass.
@Suite struct StreamedNumbersTests {
  @Test(arguments: FloatFormat.allCases)
  func finiteNumbersAreTold(_ format: FloatFormat) {
    var random = TestRandom("\(format)")
    for _ in 0..<200 {
      let count = random.below(20)
      let bytes = (0..<count * format.byteCount + random.below(format.byteCount)).map { _ in
        UInt8(random.below(256))
      }
      let slice = ByteSlice(bytes)
      #expect(slice.floats(as: format).count == count)
      #expect(slice.isFinite(as: format) == slice.floats(as: format).allSatisfy(\.isFinite))
    }
    for value in [Float.infinity, -.infinity, .nan] {
      let bytes = ByteSlice([UInt8](floats: [1, value, 2], as: format))
      #expect(!bytes.isFinite(as: format))
    }
  }
}
