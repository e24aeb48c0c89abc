import Bytes
import Checkpoints
import Testing

/// The structure of GGUF files built by hand, without a model.
@Suite struct GGUFFormatTests {
  private func read(_ builder: GGUFBuilder) throws(Failure) -> GGUFFile {
    try GGUFFile(bytes: builder.file, path: "bad.gguf")
  }

  /// A valid file with two tensors, [2, 3] and [5].
  private func valid() -> GGUFBuilder {
    var builder = GGUFBuilder()
    builder.tensor("a", [3, 2], offset: 0)
    builder.tensor("b", [5], offset: 32)
    builder.data = (0..<64).map(UInt8.init)
    return builder
  }

  @Test(arguments: [2, 3] as [UInt32]) func readsVersions(_ version: UInt32) throws {
    var builder = valid()
    builder.version = version
    let file = try read(builder)
    #expect(file.tensors["a"]?.shape == [2, 3])
    #expect(file.tensors["a"]?.bytes.array == Array(0..<24))
    #expect(file.tensors["b"]?.bytes.array == Array(32..<52))
  }

  @Test func paddingAfterTheLastTensorMayBeAbsent() throws {
    var builder = valid()
    builder.data.removeLast(12)
    #expect(try read(builder).tensors.count == 2)
    builder.data.removeLast()
    expectFailure(.invalidData, "tensor \"b\"", "needs 20 bytes from data offset 32, but only 19") {
      _ = try read(builder)
    }
  }

  @Test func acceptsAnotherAlignment() throws {
    var builder = GGUFBuilder()
    builder.alignment = 8
    builder.value("general.alignment", 8 as UInt32)
    builder.tensor("a", [3, 2], offset: 0)
    builder.tensor("b", [1], offset: 24)
    builder.data = (0..<32).map(UInt8.init)
    #expect(try read(builder).tensors["b"]?.bytes.array == Array(24..<28))
  }

  @Test func refusesFilesThatEndEarly() throws {
    var builder = valid()
    builder.value(
      "k", type: 9,
      GGUFBuilder.bytes(8 as UInt32) + GGUFBuilder.bytes(1 as UInt64) + GGUFBuilder.string("x"))
    builder.data.removeLast(12)
    let whole = builder.file
    for length in 0..<whole.count {
      let part = try #require(whole.slice(0..<length))
      expectFailure(.invalidData, "part.gguf") { _ = try GGUFFile(bytes: part, path: "part.gguf") }
    }
  }

  @Test(
    arguments: [
      (0, "version 0"), (1, "version 1"), (4, "version 4"), (0x0300_0000, "big-endian"),
    ] as [(UInt32, String)])
  func refusesOtherVersions(_ version: UInt32, _ finding: String) {
    var builder = valid()
    builder.version = version
    expectFailure(.invalidData, "byte 4", finding) { _ = try read(builder) }
  }

  @Test(arguments: [1 << 10, 1 << 32, 1 << 63, UInt64.max]) func refusesHostileCounts(
    _ count: UInt64
  ) {
    var builder = valid()
    builder.tensorCount = count
    expectFailure(.invalidData, "\(count) tensors") { _ = try read(builder) }
    builder = valid()
    builder.valueCount = count
    expectFailure(.invalidData, "\(count) metadata values") { _ = try read(builder) }
    builder = valid()
    builder.value("k", type: 8, GGUFBuilder.bytes(count))
    expectFailure(.invalidData, "\"k\"", "\(count) bytes") { _ = try read(builder) }
    for element in [0, 8, 10] as [UInt32] {
      builder = valid()
      builder.value("k", type: 9, GGUFBuilder.bytes(element) + GGUFBuilder.bytes(count))
      expectFailure(.invalidData, "\(count) elements") { _ = try read(builder) }
    }
  }

  @Test func refusesNestedArrays() {
    var builder = valid()
    let level = GGUFBuilder.bytes(9 as UInt32) + GGUFBuilder.bytes(1 as UInt64)
    builder.value("k", type: 9, (0..<10_000).flatMap { _ in level })
    expectFailure(.invalidData, "array of arrays") { _ = try read(builder) }
  }

  @Test func refusesUnknownTypesAndOddBooleans() {
    var builder = valid()
    builder.value("k", type: 13, [])
    expectFailure(.invalidData, "unknown type 13") { _ = try read(builder) }
    builder = valid()
    builder.value("k", type: 7, [2])
    expectFailure(.invalidData, "boolean 2") { _ = try read(builder) }
    builder = valid()
    builder.tensor("c", [4], type: 11, offset: 64)
    expectFailure(.invalidData, "tensor \"c\"", "Q3_K (11)", "Q4_K") { _ = try read(builder) }
    builder = valid()
    builder.tensor("c", [4], type: 77, offset: 64)
    expectFailure(.invalidData, "tensor \"c\"", "(77)") { _ = try read(builder) }
  }

  @Test func refusesDuplicates() {
    var builder = valid()
    builder.value("k", 1 as UInt32)
    builder.value("k", "one")
    expectFailure(.invalidData, "\"k\" appears twice") { _ = try read(builder) }
    builder = valid()
    builder.tensor("a", [8], offset: 64)
    builder.data += [UInt8](repeating: 0, count: 32)
    expectFailure(.invalidData, "tensor \"a\"", "appears twice") { _ = try read(builder) }
  }

  @Test(
    arguments: [
      (0, "is 0; expected 1"), (3, "not a power of two"), (1 << 21, "expected 1 to"),
      (UInt32.max, "expected 1 to"),
    ] as [(UInt32, String)])
  func refusesAlignments(_ alignment: UInt32, _ finding: String) {
    var builder = valid()
    builder.value("general.alignment", alignment)
    expectFailure(.invalidData, "general.alignment", finding) { _ = try read(builder) }
  }

  @Test(
    arguments: [
      ([1 << 32, 1 << 32], 0, "overflows"), ([1 << 63], 0, "a dimension of"),
      ([0], 0, "a dimension of 0"),
      ([UInt64.max, 2], 0, "a dimension of"), ([1, 1, 1, 1, 1], 0, "5 dimensions"),
      ([31], 2, "don't fill Q4_0 blocks of 32"), ([128, 2], 12, "don't fill Q4_K blocks of 256"),
      ([1 << 62], 0, "don't fill"), ([1 << 40], 0, "needs"),
    ] as [([UInt64], UInt32, String)])
  func refusesShapes(_ sizes: [UInt64], _ type: UInt32, _ finding: String) {
    var builder = valid()
    builder.tensor("c", sizes, type: type, offset: 64)
    expectFailure(.invalidData, "tensor \"c\"", finding) { _ = try read(builder) }
  }

  @Test(arguments: [0, 24, 33, 96, 1 << 40, UInt64.max]) func refusesOffsets(_ offset: UInt64) {
    var builder = valid()
    builder.tensor("c", [4], offset: offset)
    builder.data += [UInt8](repeating: 0, count: 64)
    expectFailure(.invalidData, "starts at data offset") { _ = try read(builder) }
  }

  @Test func refusesTrailingData() {
    var builder = valid()
    builder.data += [1]
    expectFailure(.invalidData, "1 bytes after the last") { _ = try read(builder) }
  }

  @Test func refusesOverlongNames() {
    var builder = valid()
    builder.tensor(String(repeating: "n", count: 64), [8], offset: 64)
    expectFailure(.invalidData, "less than 64 bytes") { _ = try read(builder) }
  }
}
