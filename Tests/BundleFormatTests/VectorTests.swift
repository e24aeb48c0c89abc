import BundleFormat
import Bytes
import TestSupport
import Testing

/// The files of Formats/vectors, which Formats/make_vectors.py builds without any of this code.
@Suite struct VectorTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var name: String
    var isValid: Bool
    var why: String
    var path: String { PythonReader.formats + "/vectors/\(name).ctpack" }
    var testDescription: String { "\(name): \(why)" }
  }

  static let vectors: [Vector] = {
    let index = PythonReader.formats + "/vectors/index.tsv"
    let bytes = (try? MappedFile(path: index).bytes.array) ?? []
    let text = String(decoding: bytes, as: UTF8.self)
    return text.split(separator: "\n").map { line in
      let fields = line.split(separator: "\t").map(String.init)
      return Vector(name: fields[0], isValid: fields[1] == "valid", why: fields[2])
    }
  }()

  @Test func theIndexAndTheFolderAgree() throws {
    let files = TemporaryFolder.names(in: PythonReader.formats + "/vectors")
    #expect(files == (Self.vectors.map { $0.name + ".ctpack" } + ["index.tsv"]).sorted())
    #expect(Self.vectors.count { $0.isValid } >= 10)
    #expect(Self.vectors.count { !$0.isValid } >= 50)
  }

  @Test(arguments: vectors)
  func isWhatTheIndexSays(vector: Vector) throws {
    let errors = try ModelBundle.audit(path: vector.path, level: .full).filter {
      $0.severity == .error
    }
    #expect(errors.isEmpty == vector.isValid, "\(errors.map(\.description))")
    if vector.isValid {
      _ = try ModelBundle(path: vector.path, verify: .full)
    } else {
      let failure = #expect(throws: Failure.self) {
        try ModelBundle(path: vector.path, verify: .full)
      }
      #expect(failure?.kind == .invalidData)
      #expect(failure?.file == vector.path)
    }
  }

  /// The vectors cover what they are meant to: a generation, a mask, positions, an unfinished edit.
  @Test func theVectorsReachTheirCorners() throws {
    func open(_ name: String) throws -> ModelBundle {
      try ModelBundle(path: PythonReader.formats + "/vectors/\(name).ctpack")
    }
    #expect(try open("valid-appended").generation == 2)
    #expect(try open("valid-appended").adapters.map(\.name) == ["b"])
    #expect(try open("record-newest").generation == 1)
    let unfinished = try open("valid-unfinished")
    #expect(unfinished.generation == 1)
    #expect(unfinished.problems.count == 2)
    #expect(unfinished.problems.allSatisfy { $0.severity == .note })
    let sparse = try #require(try open("valid-two-of-four").tensor(named: "w"))
    #expect(try sparse.keptFlags() == [true, true, false, false, false, true, true, false, true])
  }

  /// The interleaved vectors, whose weights make_vectors.py gives as formulas of row and column.
  @Test func interleavedRowsDecodeToTheirFormula() throws {
    func open(_ name: String) throws -> StoredTensor {
      let path = PythonReader.formats + "/vectors/valid-interleaved-\(name).ctpack"
      return try #require(try ModelBundle(path: path).tensor(named: "w"))
    }
    let (masked, ranked) = (try open("mask"), try open("two-of-four"))
    #expect(masked.descriptor.interleaved && ranked.descriptor.interleaved)
    let masks = (0..<32 * 192).map { at -> Float in
      let (row, column) = (at / 192, at % 192)
      let scale = Float(row % 8 + column / 128 + 1) / 16
      return (row + column) % 3 == 0 ? 0 : Float((row + column + 3) % 8 - 4) * scale
    }
    #expect(try masked.dequantized() == masks)
    let kept = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]
    let ranks = (0..<16 * 64).map { at -> Float in
      let (row, column) = (at / 64, at % 64)
      guard kept[(row + column / 4 + 2) % 6].contains(column % 4) else { return 0 }
      return Float((row + column + 3) % 16 - 8) * Float(row % 8 + 1) / 16
    }
    #expect(try ranked.dequantized() == ranks)
  }

  /// Whoever opens without verifying still can't use a section that needs an unknown feature.
  @Test func unknownFeaturesAreRefusedWhereTheyMatter() throws {
    let bundle = try ModelBundle(path: PythonReader.formats + "/vectors/section-read-flag.ctpack")
    let failure = #expect(throws: Failure.self) { try bundle.tensor(named: "norm") }
    #expect(failure?.finding.contains("needs feature 2") == true)
    let folder = try TemporaryFolder()
    let newer = try MappedFile(path: PythonReader.formats + "/vectors/valid-newer-minor.ctpack")
    let copy = try folder.write("newer.ctpack", newer.bytes.array)
    let refused = #expect(throws: Failure.self) {
      try BundleEditor.append(to: copy, sections: [.evidence([])])
    }
    #expect(refused?.finding.contains("can't be changed") == true)
  }
}
