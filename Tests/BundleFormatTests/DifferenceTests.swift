import BundleFormat
import Bytes
import TestSupport
import Testing

/// Comparison of two bundles by content.
@Suite struct DifferenceTests {
  let folder: TemporaryFolder
  let first: ModelBundle

  init() throws {
    folder = try TemporaryFolder()
    try Samples.write(folder.file("a"))
    first = try ModelBundle(path: folder.file("a"))
  }

  private func edited(_ change: (inout BundleWriter) throws -> Void) throws -> BundleDifference {
    var writer = try Samples.writer(folder.file("b"))
    try change(&writer)
    try writer.finish()
    return try BundleDifference(first, ModelBundle(path: folder.file("b")))
  }

  @Test func storageDoesNotCount() throws {
    #expect(try edited { _ in }.isEmpty)
    let prompt = Samples.prompt("new", weights: first.weightsDigest)
    try BundleEditor.append(to: folder.file("b"), sections: [.adapter(prompt)])
    try BundleEditor.append(
      to: folder.file("b"), sections: [], removing: [.init(type: .prompt, name: "new")])
    let second = try ModelBundle(path: folder.file("b"))
    #expect(second.generation == 3)
    #expect(try BundleDifference(first, second).isEmpty)
  }

  @Test func tensorsAreComparedNumberByNumber() throws {
    let values: [Float] = [1, 2, 2, 4]
    func dense(_ name: String, _ values: [Float]) throws -> StoredTensor {
      try .dense(
        name: name, shape: [2, 2], format: .float32, values: ByteSlice([UInt8](floats: values)))
    }
    let a = try writer("c", [dense("same", values), dense("w", values), dense("gone", values)])
    let b = try writer("d", [dense("same", values), dense("w", [1, 2, 2, 9])])
    let difference = try BundleDifference(a, b)
    #expect(difference.sameTensors == 1 && difference.documents.isEmpty)
    #expect(difference.tensors.map(\.name) == ["gone", "w"])
    #expect(difference.tensors[0].second == nil && difference.tensors[0].values == nil)
    let deviation = try #require(difference.tensors[1].values)
    #expect(deviation.count == 4 && deviation.differing == 1 && deviation.differingCodes == nil)
    // ‖(0, 0, 0, 5)‖ / ‖(1, 2, 2, 4)‖ = 5 / 5
    #expect(deviation.relativeError == 1 && deviation.maximum == 5)
    #expect(try BundleDifference(a, b, readsValues: false).tensors[1].values == nil)
  }

  @Test func codesAreCounted() throws {
    func packed(_ codes: [UInt8]) throws -> StoredTensor {
      try .packed(
        name: "w", shape: [1, 4], bits: 4, groupSize: 4,
        codes: ByteSlice(Planar.pack(codes, rows: 1, columns: 4, bits: 4)),
        scales: ByteSlice([0, 0x3c]), zeros: nil)
    }
    let a = try writer("c", [packed([9, 8, 8, 8])])
    let b = try writer("d", [packed([9, 10, 8, 7])])
    let deviation = try #require(try BundleDifference(a, b).tensors.first?.values)
    #expect(deviation.differingCodes == 2 && deviation.differing == 2 && deviation.maximum == 2)
    #expect(deviation.relativeError == 5.0.squareRoot())
  }

  @Test func documentsAndPromptsAreNamed() throws {
    let difference = try edited { writer in
      var evidence = Samples.evidence
      evidence.ppl = 19
      writer.add(.document(.licence, bytes: ByteSlice(Array("free".utf8))))
      writer.addAdapter(Samples.prompt("second", weights: try writer.weightsDigest()))
    }
    #expect(difference.tensors.isEmpty && !difference.isEmpty)
    #expect(difference.documents.map(\.type) == [.licence])
    #expect(difference.documents.first?.presence == .onlyInSecond)
    #expect(difference.others.contains { $0.label == "prompt \"second\"" })
  }

  @Test func changesOfADocumentHavePaths() {
    let a: JSON = [
      "layers": [["tensor": "q", "bits": 3], ["tensor": "k", "bits": 3]], "n": [1, 2], "same": true,
    ]
    let b: JSON = [
      "layers": [["tensor": "k", "bits": 4], ["tensor": "q", "bits": 3]], "n": [1], "same": true,
    ]
    #expect(
      ValueChange.between(a, b) == [
        ValueChange(path: "layers[k].bits", first: 3, second: 4),
        ValueChange(path: "n[1]", first: 2, second: nil),
      ])
  }

  private func writer(_ name: String, _ tensors: [StoredTensor]) throws -> ModelBundle {
    var writer = BundleWriter(path: folder.file(name))
    for tensor in tensors { writer.addTensor(tensor, origin: nil) }
    try writer.finish()
    return try ModelBundle(path: folder.file(name))
  }
}
