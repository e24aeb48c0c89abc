import Builds
import Bytes
import TestSupport
import Testing

/// Checks of a build's stages before any of them runs.
@Suite struct WiringTests {
  let folder: TemporaryFolder
  let fake: FakeBuild

  init() throws {
    folder = try TemporaryFolder()
    fake = try FakeBuild(folder)
  }

  private func refusal(_ stages: [FakeStage]) throws -> String? {
    let store = try Store(folder: folder.file("work"), create: true)
    let failure = #expect(throws: Failure.self) {
      try Build(
        stages: stages, store: store, kernels: "plain", progress: BuildProgress(style: .quiet))
    }
    #expect(failure?.kind == .internalError)
    return failure?.finding
  }

  @Test func aStageReadsOnlyOutputsOfEarlierStages() throws {
    #expect(
      try refusal([fake.second, fake.first])
        == "stage second reads `first` of first, which no stage before it makes")
    #expect(
      try refusal([fake.first, fake.third])
        == "stage third reads `second` of second, which no stage before it makes")
  }

  @Test func namesOfInputsAndStagesAreUnique() throws {
    var twice = fake.third
    twice.reads = [.file("a", as: "text"), .file("b", as: "text")]
    #expect(try refusal([twice]) == "stage third declares two inputs `text`")
    #expect(try refusal([fake.first, fake.first]) == "stage first occurs twice")
  }

  @Test func undeclaredOutputsAreRefused() throws {
    var fake = fake
    fake.second.undeclared = "extra"
    let failure = #expect(throws: Failure.self) { try fake.run() }
    #expect(failure?.kind == .internalError)
    #expect(failure?.finding == "the outputs of stage second differ from those it declares: extra")
    #expect(try fake.build().explain().map(\.willRun) == [false, true, true])
  }

  /// A change outside a declared part of a file doesn't make the stage run.
  @Test func aPartOfAFileIsDigestedAlone() throws {
    struct FirstByte: FilePart {
      let path: String
      func digest() throws(Failure) -> SHA256Digest {
        SHA256Digest(hashing: Array(try MappedFile(path: path).bytes.array.prefix(1)))
      }
    }
    var fake = fake
    let path = folder.file("parts.txt")
    try folder.write("parts.txt", "abc")
    fake.second.reads.append(.part(FirstByte(path: path), as: "part"))
    _ = try fake.run()
    try folder.write("parts.txt", "axyz")
    #expect(try fake.build().explain().allSatisfy { !$0.willRun })
    try folder.write("parts.txt", "bxyz")
    #expect(
      try fake.build().explain()[1].reasons.first?.hasPrefix("input part changed (") == true)
  }
}
