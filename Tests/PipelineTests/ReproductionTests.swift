import Builds
import BundleFormat
import Bytes
import Foundation
import Pipeline
import TestSupport
import Testing

/// The comparison of a bundle with what its recipe and inputs give now.
@Suite struct ReproductionTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyCheckpoint().write(to: folder)
    try folder.write("train.txt", TinyCheckpoint.text(words: 600, seed: 1))
  }

  private func recipe(bits: Int = 4, windows: Int = 8) throws -> Recipe {
    try folder.write(
      "small.yaml",
      """
      model: model
      calibration: {text: train.txt, windows: \(windows), length: 32}
      compression: {method: rtn, bits: \(bits), group_size: 8, arithmetic: float32}
      """)
    return try Recipe(path: folder.file("small.yaml"))
  }

  /// Runs a build in the work folder `work`; returns its records and its bundle.
  private func build(
    _ stages: [any Stage], in work: String, kernels: String
  ) throws -> (done: [StageMarker], bundle: ModelBundle) {
    let store = try Store(folder: folder.file(work), create: true)
    let done = try Build(
      stages: stages, store: store, kernels: kernels, progress: BuildProgress(style: .quiet)
    ).run()
    let object = try #require(done.object(of: BuildPlan.artifact))
    _ = try Artifact.publish(object, from: store, to: folder.file(work + ".ctpack"))
    return (done, try ModelBundle(path: folder.file(work + ".ctpack")))
  }

  /// The class of kernels that bundles made here record.
  private func kernelClass() throws -> String {
    let bundle = try build(BuildPlan(recipe()).stages, in: "any", kernels: "any").bundle
    return try #require(try bundle.provenance).kernelClass
  }

  private func outcome(
    of bundle: ModelBundle, by recipe: Recipe, kernels: String
  ) throws -> (reproduction: Reproduction, outcome: ReproductionOutcome) {
    let reproduction = try Reproduction(of: bundle, by: recipe)
    let again = try build(reproduction.plan.stages, in: "again", kernels: kernels)
    return (reproduction, try reproduction.outcome(again.done, again.bundle))
  }

  @Test func theSameBuildIsReproduced() throws {
    let kernels = try kernelClass()
    let first = try build(BuildPlan(recipe()).stages, in: "first", kernels: kernels).bundle
    let (reproduction, outcome) = try outcome(of: first, by: recipe(), kernels: kernels)
    #expect(outcome.isReproduced && outcome.firstStage == nil && outcome.firstKey == nil)
    #expect(outcome.stages.map(\.name) == ["import", "calibrate", "compress"])
    #expect(reproduction.recipeChanges.isEmpty && reproduction.notes.isEmpty)
    #expect(outcome.content.digests.allSatisfy { $0.recorded == $0.rebuilt })
    #expect(outcome.content.added.isEmpty)
  }

  /// Equal numbers from another kind of processor: the stages' keys differ, and so do the records of
  /// what made the tensors.
  @Test func anotherKindOfProcessorIsNamed() throws {
    let kernels = try kernelClass()
    let first = try build(BuildPlan(recipe()).stages, in: "first", kernels: kernels).bundle
    let (_, outcome) = try outcome(of: first, by: recipe(), kernels: "another")
    #expect(!outcome.isReproduced)
    #expect(outcome.firstKey?.name == "import")
    #expect(outcome.firstKey?.reasons == ["the kernel class changed from \(kernels) to another"])
    #expect(outcome.stages[1].isSame, "the stage calibrate computes no floating-point numbers")
    #expect(outcome.firstStage == "compress")
    let tensors = outcome.content.differences.filter { $0.stage == "compress" }
    #expect(!tensors.isEmpty)
    #expect(tensors.allSatisfy { $0.finding.hasPrefix("has the same numbers") }, "\(tensors)")
  }

  @Test func aChangedFieldIsNamed() throws {
    let kernels = try kernelClass()
    let first = try build(BuildPlan(recipe()).stages, in: "first", kernels: kernels).bundle
    let (reproduction, outcome) = try outcome(of: first, by: recipe(bits: 3), kernels: kernels)
    #expect(reproduction.recipeChanges.map(\.path) == ["compression.linear.bits"])
    #expect(outcome.firstKey?.name == "compress")
    #expect(outcome.firstKey?.reasons == ["compression.linear.bits changed from 4 to 3"])
    #expect(outcome.firstStage == "compress" && !outcome.isReproduced)
  }

  /// The windows' digest is recorded with the tensors, so that the stage that made others is known
  /// although every tensor differs only by a later stage's key.
  @Test func theFirstOutputThatDiffersIsFound() throws {
    let kernels = try kernelClass()
    let first = try build(BuildPlan(recipe()).stages, in: "first", kernels: kernels).bundle
    let (_, outcome) = try outcome(of: first, by: recipe(windows: 6), kernels: kernels)
    #expect(outcome.firstKey?.name == "calibrate")
    #expect(outcome.firstKey?.reasons == ["calibration.windows changed from 8 to 6"])
    #expect(outcome.firstStage == "calibrate")
    let compress = try #require(outcome.stages.first { $0.name == "compress" })
    #expect(compress.reasons.count == 1)
    #expect(compress.reasons[0].hasPrefix("input windows changed"), "\(compress.reasons)")
  }

  @Test func anotherInputIsNamed() throws {
    let first = try build(BuildPlan(recipe()).stages, in: "first", kernels: "plain").bundle
    let before = SHA256Digest(hashing: try folder.read("train.txt")).hex
    try folder.write("train.txt", TinyCheckpoint.text(words: 600, seed: 2))
    let after = SHA256Digest(hashing: try folder.read("train.txt")).hex
    let failure = try #require(
      #expect(throws: Failure.self) { try Reproduction(of: first, by: recipe()) })
    #expect(failure.kind == .invalidData)
    #expect(failure.list.count == 1)
    #expect(failure.list.first?.hasPrefix("calibration: ") == true, "\(failure.list)")
    #expect(failure.list.first?.contains(before) == true && failure.description.contains(after))
  }
}
