import BundleFormat
import Bytes
import TestSupport
import Testing

/// The Swift writer's files, read by the Python reader, which knows only the specification.
@Suite(.enabled(if: PythonReader.python != nil, Comment(rawValue: PythonReader.skipReason)))
struct SecondReaderTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
  }

  @Test func agreesOnDigestsAndSections() throws {
    try BundleEditor.append(
      to: path, sections: [.adapter(Samples.prompt("two", weights: nil, unvalidated: true))],
      removing: [.init(type: .prompt, name: "demo")])
    let bundle = try ModelBundle(path: path, verify: .full)
    let result = try PythonReader.run([path, "--json", "--check"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSON(parsing: result.output)
    #expect(report["digest"]?.string == bundle.canonicalDigest.hex)
    #expect(report["weights_digest"]?.string == bundle.weightsDigest.hex)
    #expect(report["generation"]?.int == 2)
    #expect(report["sections"]?.array?.count == bundle.sections.count)
    for (section, shown) in zip(bundle.sections, report["sections"]?.array ?? []) {
      #expect(shown["name"]?.string == section.name)
      #expect(shown["sha256"]?.string == section.sha256.hex)
      #expect(shown["attributes"] == .object(section.attributes))
    }
  }

  /// Bit for bit: both compute the same exact products.
  @Test func agreesOnEveryWeight() throws {
    for tensor in try Samples.tensors() {
      let result = try PythonReader.run([path, "--tensor", tensor.descriptor.name])
      #expect(result.status == 0, "\(result.errors)")
      let values = ByteSlice(result.output).floats()
      #expect(try values == tensor.dequantized(), "\(tensor.descriptor.name)")
    }
  }

  @Test(arguments: TensorStorage.allCases)
  func agreesOnInterleavedRows(storage: TensorStorage) throws {
    let tensors = try CodedSamples.tensors().filter(\.descriptor.interleaved)
    #expect(tensors.count == 8)
    var writer = BundleWriter(path: path, storage: storage)
    for tensor in tensors { writer.addTensor(tensor) }
    try writer.finish()
    let result = try PythonReader.run([path, "--check"])
    #expect(result.status == 0, "\(result.errors)")
    for tensor in tensors {
      let result = try PythonReader.run([path, "--tensor", tensor.descriptor.name])
      #expect(result.status == 0, "\(result.errors)")
      let values = ByteSlice(result.output).floats()
      #expect(try values == tensor.dequantized(), "\(tensor.descriptor.name)")
    }
  }

  @Test func agreesOnCompressedSections() throws {
    let text = Array((0..<100).map { "line \($0) of many\n" }.joined().utf8)
    var writer = BundleWriter(path: path)
    writer.add(.document(.recipe, bytes: ByteSlice(text)))
    try writer.finish()
    #expect(try ModelBundle(path: path).sections[0].codec == .zstd)
    let result = try PythonReader.run([path, "--section", "recipe", "recipe"])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output == text)
  }

  /// All layouts and masks in coded storage, byte for byte.
  @Test func agreesOnCodedTensors() throws {
    try CodedSamples.write(path, storage: .coded)
    let bundle = try ModelBundle(path: path, verify: .full)
    let report = try JSON(parsing: PythonReader.run([path, "--json"]).output)
    #expect(report["digest"]?.string == bundle.canonicalDigest.hex)
    #expect(
      report["sections"]?.array?.compactMap { $0["codec"]?.string }
        == bundle.sections.map { ["none", "zstd", "blocks"][Int($0.codec.rawValue)] })
    let coded = bundle.sections.filter { $0.codec == .blocks && $0.rawSize < 50_000 }
    #expect(Set(coded.compactMap(\.type)).count == 6)
    for section in coded {
      let type = "\(try #require(section.type))"
      let result = try PythonReader.run([path, "--section", type, section.name])
      #expect(result.status == 0, "\(result.errors)")
      #expect(try result.output == bundle.bytes(of: section).array, "\(section.label)")
    }
  }

  @Test(arguments: VectorTests.vectors)
  func judgesTheVectorsAlike(vector: VectorTests.Vector) throws {
    let result = try PythonReader.run([vector.path, "--check"])
    #expect(result.status == (vector.isValid ? 0 : 65), "\(result.errors)")
  }

  /// The committed vectors are what the committed script makes.
  @Test func theVectorsAreReproducible() throws {
    for name in ["make_vectors.py", "p256.py", "xxh3.py"] {
      try folder.write(name, MappedFile(path: PythonReader.formats + "/" + name).bytes.array)
    }
    let result = try PythonReader.run([], script: folder.file("make_vectors.py"))
    #expect(result.status == 0, "\(result.errors)")
    for vector in VectorTests.vectors {
      let made = try MappedFile(path: folder.file("vectors/\(vector.name).ctpack")).bytes.array
      #expect(try made == MappedFile(path: vector.path).bytes.array, "\(vector.name)")
    }
  }
}
