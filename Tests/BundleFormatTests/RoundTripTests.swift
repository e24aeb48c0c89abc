import BundleFormat
import Bytes
import TestSupport
import Testing

@Suite struct RoundTripTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func everythingComesBack() throws {
    let path = folder.file("a.ctpack")
    let digest = try Samples.write(path)
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.problems.isEmpty)
    #expect(bundle.check(.full).isEmpty)
    #expect(bundle.canonicalDigest == digest)
    #expect(bundle.generation == 1)
    for tensor in try Samples.tensors() {
      let stored = try #require(try bundle.tensor(named: tensor.descriptor.name))
      #expect(stored.descriptor == tensor.descriptor)
      #expect(try stored.dequantized() == tensor.dequantized())
    }
    let absent = try bundle.tensor(named: "none")?.descriptor
    #expect(absent == nil)
    let prompt = try #require(try bundle.adapter(named: "demo"))
    #expect(prompt == Samples.prompt("demo", weights: bundle.weightsDigest))
    #expect(try bundle.tokenizer.array == Samples.tokenizer.array)
    #expect(try bundle.configuration["layers"]?.int == 1)
    #expect(try bundle.provenance == Samples.provenance)
    #expect(try bundle.evidence == [Samples.evidence, Samples.evidence, Samples.evidence])
    #expect(try bundle.events.first?.detail["to"] == 0.1)
    #expect(try bundle.recipe?.array == Array("name: sample\n".utf8))
  }

  @Test func theOrderOfAddingDoesNotMatter() throws {
    var forward = BundleWriter(path: folder.file("f"))
    var backward = BundleWriter(path: folder.file("b"))
    let tensors = try Samples.tensors()
    for tensor in tensors { forward.addTensor(tensor) }
    for tensor in tensors.reversed() { backward.addTensor(tensor) }
    try forward.finish()
    try backward.finish()
    #expect(
      try MappedFile(path: folder.file("f")).bytes.array
        == MappedFile(path: folder.file("b")).bytes.array)
  }

  /// A long document is compressed, large tensors begin on a page, everything else on 64 bytes.
  @Test func alignmentAndCodec() throws {
    let path = folder.file("a")
    var writer = BundleWriter(path: path)
    writer.addTensor(try Samples.dense("big", shape: [64, 512], format: .float32, seed: 1))
    writer.addTensor(try Samples.dense("small", shape: [5], format: .float32, seed: 1))
    let text = [UInt8](String(repeating: "all work and no play ", count: 40).utf8)
    writer.add(.document(.recipe, bytes: ByteSlice(text)))
    try writer.finish()
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.section(.tensorDense, named: "big")?.offset.isMultiple(of: 4096) == true)
    #expect(bundle.sections.allSatisfy { $0.offset.isMultiple(of: 64) })
    let recipe = try #require(bundle.section(.recipe, named: "recipe"))
    #expect(recipe.codec == .zstd)
    #expect(recipe.storedSize < recipe.rawSize)
    #expect(try bundle.bytes(of: recipe).array == text)
    #expect(bundle.parameters == 64 * 512 + 5)
    #expect(bundle.bitsPerWeight == 32)
  }

  /// Tensors are stored plainly unless asked, and mean the same either way; so does their digest.
  @Test func compressedTensorsMeanTheSame() throws {
    let zeros = ByteSlice([UInt8](repeating: 0, count: 600))
    let tensor = try StoredTensor.dense(name: "z", shape: [150], format: .float32, values: zeros)
    var plain = BundleWriter(path: folder.file("p"))
    plain.addTensor(tensor)
    var small = BundleWriter(path: folder.file("s"))
    small.addTensor(tensor, policy: .whereItPays)
    #expect(try plain.finish() == small.finish())
    let bundle = try ModelBundle(path: folder.file("s"), verify: .full)
    #expect(bundle.sections[0].codec == .zstd)
    #expect(try bundle.tensor(named: "z")?.dequantized() == [Float](repeating: 0, count: 150))
  }

  @Test func anEmptyBundleIsABundle() throws {
    try BundleWriter(path: folder.file("e")).finish()
    let bundle = try ModelBundle(path: folder.file("e"), verify: .full)
    #expect(bundle.sections.isEmpty)
    #expect(bundle.bitsPerWeight == 0)
    #expect(bundle.fileBytes == 12288 + 32)
  }

  @Test func writersMistakesAreCaught() throws {
    var twice = BundleWriter(path: folder.file("t"))
    twice.add(.document(.recipe, bytes: ByteSlice([65])))
    twice.add(.document(.recipe, bytes: ByteSlice([66])))
    var failure: Failure?
    do { try twice.finish() } catch { failure = error }
    #expect(failure?.kind == .usage)
    #expect(folder.names.isEmpty)
    #expect(throws: Failure.self) {
      try StoredTensor.dense(name: "x", shape: [3], format: .float32, values: ByteSlice([1, 2, 3]))
    }
    #expect(throws: Failure.self) {
      try StoredTensor.packed(
        name: "x", shape: [1, 64], bits: 5, groupSize: 64, codes: ByteSlice([]),
        scales: ByteSlice([]))
    }
  }
}
