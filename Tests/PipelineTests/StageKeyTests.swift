import Builds
import BundleFormat
import Bytes
import Foundation
import Pipeline
import TestSupport
import Testing

/// The keys of stages, by which work folders keep their results. They are pinned, because a changed
/// spelling of a parameter or of an input's name would make all finished stages run again.
@Suite struct StageKeyTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyCheckpoint().write(to: folder)
    for (seed, name) in ["train.txt", "dev.txt", "test.txt"].enumerated() {
      try folder.write(name, TinyCheckpoint.text(words: 600, seed: UInt64(seed)))
    }
    // A bundle to start from is only digested before its stage runs, so it needn't be valid.
    try folder.write("other.ctpack", "a bundle")
  }

  private func plan(_ yaml: String) throws -> [any Stage] {
    try folder.write(
      "small.yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 8, length: 32}
      \(yaml)
      """)
    return try BuildPlan(Recipe(path: folder.file("small.yaml"))).stages
  }

  /// Returns the first digits of each stage's key, with each input's digest replaced by that of its
  /// source's name, so that the keys depend only on the plan and not on numbers computed here.
  private func keys(_ stages: [any Stage]) -> [String] {
    stages.map { stage in
      var digests: [String: SHA256Digest] = [:]
      for input in stage.inputs {
        digests[input.name] = SHA256Digest(hashing: Array(wire(input.source).utf8))
      }
      var document = StageKey(
        stage: stage, inputs: digests, kernels: stage.usesKernels ? "plain" : nil
      ).document
      // The program version, which changes with every release.
      if document["parameters"]?["program"] != nil {
        var (object, parameters) = (
          document.object ?? [:], document["parameters"]?.object ?? [:]
        )
        parameters["program"] = "any"
        object["parameters"] = .object(parameters)
        document = .object(object)
      }
      let digest = SHA256Digest(hashing: document.canonicalBytes)
      return "\(stage.name) \(digest.hex.prefix(12))"
    }
  }

  /// Returns a name for the source of an input.
  private func wire(_ source: StageInput.Source) -> String {
    func name(_ path: String) -> String { PathNames.last(path) }
    return switch source {
    case .file(let path): "file \(name(path))"
    case .part(let part): "weights \(name(part.path))"
    case .output(let output): "output \(output.name) of \(output.stage)"
    case .record(let stage): "record of \(stage)"
    }
  }

  @Test func keysOfABuildWithEveryStage() throws {
    let stages = try plan(
      """
      compression:
        group_size: 8
        target_bits_per_weight: 5
        fail_on: [damping_raised]
        arithmetic: float32
      prompt:
        tokens: 4
        steps: 10
        batch: 2
        length: 32
        objective: kl
        teacher_top: 8
        arithmetic: float32
        validation: {text: dev.txt, windows: 2, every: 5}
      evaluation: [{text: test.txt, protocol: ctp-32, windows: 4, arithmetic: float32}]
      gate: {max_ratio_to_full: 2}
      package: {storage: coded}
      """)
    #expect(
      keys(stages) == [
        "import 90c2f340bc82", "calibrate db18398e4b29", "allocate b9235d2c7610",
        "compress 3b6166e17fad", "policy aa37148380af", "teacher 08cdff34b959",
        "prompt d292f3e9006f", "verify b8a6e81265a7", "gate 99ba2064f5ae", "package 8098a4d496ee",
      ])
  }

  @Test func keysOfABuildWithATeacherEvaluatedAtEachStep() throws {
    let stages = try plan(
      """
      compression: {method: rtn, bits: 4, group_size: 8, arithmetic: float32}
      prompt:
        kind: lora
        rank: 2
        steps: 10
        batch: 2
        length: 32
        objective: mix
        kl_share: 0.5
        teacher_top: 0
        init_from: {bundle: other.ctpack, prompt: news}
        arithmetic: float32
        validation: {text: dev.txt, windows: 2, every: 5}
      """)
    #expect(
      keys(stages) == [
        "import 90c2f340bc82", "calibrate db18398e4b29", "compress 8d86822186dd",
        "prompt 93437453d21b", "package 3ea84107d2e3",
      ])
  }

  @Test func keysOfABuildWithAHardPrompt() throws {
    let stages = try plan(
      """
      compression: {method: rtn, bits: 4, group_size: 8, arithmetic: float32}
      prompt: {kind: hard, hard_text: the cat in the rain}
      """)
    #expect(
      keys(stages) == [
        "import 90c2f340bc82", "calibrate db18398e4b29", "compress 8d86822186dd",
        "prompt 25fcedec7b90", "package a21ee0f8c8a2",
      ])
  }

  @Test func keysOfLearningOnABundle() throws {
    let stages = try plan("compression: {method: rtn, bits: 4, group_size: 8}")
    let store = try Store(folder: folder.file("work"), create: true)
    let build = try Build(
      stages: stages, store: store, kernels: "plain", progress: BuildProgress(style: .quiet))
    let object = try #require(try build.run().last?.outputs["bundle"])
    _ = try Artifact.publish(object, from: store, to: folder.file("target.ctpack"))
    _ = try Artifact.publish(object, from: store, to: folder.file("teacher.ctpack"))
    let target = try ModelBundle(path: folder.file("target.ctpack"))
    func keys(_ fields: [(String, String)], teacher: String? = nil) throws -> [String] {
      let plan = try LearningPlan(
        PromptRecipe(options: [("name", "news")] + fields), on: target,
        full: teacher.map { try ModelFile(path: folder.file($0)) }, memory: 1 << 30)
      return self.keys(plan.stages)
    }
    let learning = [
      ("text", folder.file("train.txt")), ("validation.text", folder.file("dev.txt")),
      ("steps", "10"), ("tokens", "4"), ("batch", "2"), ("length", "32"),
      ("arithmetic", "float32"),
    ]
    let byDivergence = learning + [("objective", "kl"), ("teacher_top", "8")]
    let atEachStep = learning + [("objective", "kl"), ("teacher_top", "0")]
    let alone = try keys(learning)
    let withTeacher = try keys(byDivergence, teacher: "teacher.ctpack")
    let withCheckpoint = try keys(atEachStep, teacher: "model")
    let hard = try keys([("kind", "hard"), ("hard_text", "the rain")])
    #expect(alone == ["prompt ffe43ca85383"])
    #expect(withTeacher == ["teacher 552598bd3009", "prompt 5521dc2b39f4"])
    #expect(withCheckpoint == ["prompt e6080d9abf82"])
    #expect(hard == ["prompt 1ec7d8f86cb0"])
  }
}
