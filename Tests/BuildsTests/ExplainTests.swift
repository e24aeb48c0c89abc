import Builds
import Bytes
import Foundation
import TestSupport
import Testing

/// The reasons given for each stage, in the recipe's terms.
@Suite struct ExplainTests {
  let folder: TemporaryFolder
  let fake: FakeBuild

  init() throws {
    folder = try TemporaryFolder()
    fake = try FakeBuild(folder)
  }

  @Test func writesNothing() throws {
    let store = try Store(folder: folder.file("absent"), create: false)
    let build = try Build(
      stages: [fake.first], store: store, kernels: "plain", progress: BuildProgress(style: .quiet))
    let outlook = try build.explain()
    #expect(outlook.map(\.reasons) == [["never ran in this work folder"]])
    #expect(!FileManager.default.fileExists(atPath: folder.file("absent")))
  }

  @Test func namesTheParameterThatChanged() throws {
    var fake = fake
    fake.second.parameters = ["bits": 4, "grid": ["symmetric": false]]
    _ = try fake.run()
    fake.second.parameters = ["bits": 3, "grid": ["symmetric": true]]
    let outlook = try fake.build().explain()
    #expect(outlook.map(\.willRun) == [false, true, true])
    #expect(
      outlook[1].reasons == [
        "bits changed from 4 to 3", "grid.symmetric changed from false to true",
      ])
    #expect(outlook[2].reasons == ["depends on the output of second, which will run first"])
    #expect(fake.second.counter.value == 4)
  }

  @Test func namesTheInputThatChanged() throws {
    _ = try fake.run()
    try folder.write("input.txt", "another text")
    let outlook = try fake.build().explain()
    #expect(outlook.map(\.willRun) == [true, true, true])
    #expect(outlook[0].reasons.count == 1)
    #expect(outlook[0].reasons[0].hasPrefix("input text changed ("))
    #expect(outlook[2].reasons.contains { $0.hasPrefix("input text changed (") })
  }

  @Test func namesTheKernelsAndTheAlgorithm() throws {
    _ = try fake.run()
    var other = fake
    other.kernels = "fancy"
    #expect(
      try other.build().explain()[0].reasons == ["the kernel class changed from plain to fancy"])
    other = fake
    other.first.algorithmVersion = 2
    #expect(
      try other.build().explain()[0].reasons
        == ["the program's algorithm version changed from 1 to 2"])
  }

  /// Outputs made with earlier parameters are still in the store, so that returning to those
  /// parameters runs no stage.
  @Test func returningToEarlierParametersRunsNoStage() throws {
    var fake = fake
    fake.first.parameters = ["note": 1]
    _ = try fake.run()
    fake.first.parameters = ["note": 2]
    _ = try fake.run()
    fake.first.parameters = ["note": 1]
    #expect(try fake.build().explain().allSatisfy { !$0.willRun })
  }
}
