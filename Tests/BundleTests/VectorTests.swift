import Bundle
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
    let errors = try Bundle.audit(path: vector.path, level: .full).filter { $0.severity == .error }
    #expect(errors.isEmpty == vector.isValid, "\(errors.map(\.description))")
    if vector.isValid {
      _ = try Bundle(path: vector.path, verify: .full)
    } else {
      let failure = #expect(throws: Failure.self) { try Bundle(path: vector.path, verify: .full) }
      #expect(failure?.kind == .invalidData)
      #expect(failure?.file == vector.path)
    }
  }

  /// The vectors cover what they are meant to: a generation, a mask, positions, an unfinished edit.
  @Test func theVectorsReachTheirCorners() throws {
    func open(_ name: String) throws -> Bundle {
      try Bundle(path: PythonReader.formats + "/vectors/\(name).ctpack")
    }
    #expect(try open("valid-appended").generation == 2)
    #expect(try open("valid-appended").prompts.map(\.name) == ["b"])
    #expect(try open("record-newest").generation == 1)
    let unfinished = try open("valid-unfinished")
    #expect(unfinished.generation == 1)
    #expect(unfinished.problems.count == 2)
    #expect(unfinished.problems.allSatisfy { $0.severity == .note })
    let sparse = try #require(try open("valid-two-of-four").tensor(named: "w"))
    #expect(try sparse.keptFlags() == [true, true, false, false, false, true, true, false, true])
  }

  /// Whoever opens without verifying still can't use a section that needs an unknown feature.
  @Test func unknownFeaturesAreRefusedWhereTheyMatter() throws {
    let bundle = try Bundle(path: PythonReader.formats + "/vectors/section-read-flag.ctpack")
    let failure = #expect(throws: Failure.self) { try bundle.tensor(named: "norm") }
    #expect(failure?.finding.contains("needs feature 1") == true)
    let folder = try TemporaryFolder()
    let newer = try MappedFile(path: PythonReader.formats + "/vectors/valid-newer-minor.ctpack")
    let copy = try folder.write("newer.ctpack", newer.bytes.array)
    let refused = #expect(throws: Failure.self) { try BundleEditor.append(to: copy, sections: []) }
    #expect(refused?.finding.contains("can't be changed") == true)
  }
}
