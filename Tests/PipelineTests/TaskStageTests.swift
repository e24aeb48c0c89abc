import Builds
import BundleFormat
import Bytes
import Foundation
import Pipeline
import Synchronization
import TestSupport
import Testing

/// The tasks stage of a tiny build: its records, and interruptions at every batch of rows.
@Suite struct TaskStageTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyCheckpoint().write(to: folder)
    try folder.write("train.txt", TinyCheckpoint.text(words: 400, seed: 1))
    // Rows enough for several batches.
    let rows = (0..<Self.rows).map { index in
      var object: JSONObject = [
        "start": .string(TinyCheckpoint.text(words: 8, seed: UInt64(index))),
        "gold": JSON(index % 3),
      ]
      for (place, name) in ["a", "b", "c"].enumerated() {
        object[name] = .string(
          TinyCheckpoint.text(words: 3 + place, seed: UInt64(1000 + 3 * index + place)))
      }
      return JSON.object(object).canonicalText + "\n"
    }
    try folder.write("rows.jsonl", rows.joined())
    for name in ["first", "second"] {
      try folder.write(
        "\(name).yaml",
        """
        task: \(name)
        dataset_path: rows.jsonl
        output_type: multiple_choice
        doc_to_text: "{{start}}"
        doc_to_choice: "{{[a, b, c]}}"
        doc_to_target: gold
        """)
    }
    try folder.write(
      "small.yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 4, length: 32}
      compression: {method: rtn, bits: 3, group_size: 8}
      prompt: {name: p, kind: hard, hard_text: the cat}
      tasks: [{task: first.yaml}, {task: second.yaml, limit: 5}]
      """)
  }

  private static let rows = 120

  private func build(
    _ work: String, fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in },
    stop: @escaping @Sendable () -> Bool = { false }
  ) throws -> Build {
    try Build(
      stages: BuildPlan(Recipe(path: folder.file("small.yaml"))).stages,
      store: Store(folder: folder.file(work), create: true, fault: fault), kernels: "plain",
      progress: BuildProgress(style: .quiet), stop: stop)
  }

  /// The digest of the measurements after running through the tasks stage.
  private func evidence(
    _ work: String, fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in },
    stop: @escaping @Sendable () -> Bool = { false }
  ) throws -> SHA256Digest? {
    try build(work, fault: fault, stop: stop).run(until: "tasks").last?.outputs["evidence"]?.digest
  }

  @Test func allModelsAnswerAllTasks() throws {
    let digest = try evidence("work")
    let hex = try #require(digest).hex
    let json = try JSON(parsing: folder.read("work/objects/\(hex)"))
    let records = try (json.array ?? []).map { try EvidenceRecord(json: $0) }
    #expect(
      records.map { "\($0.text) \($0.model) \($0.prompt ?? "-") \($0.task?.seen ?? 0)" } == [
        "first full - 120", "first full p 120", "first compressed - 120", "first compressed p 120",
        "second full - 5", "second full p 5", "second compressed - 5", "second compressed p 5",
      ])
    for (index, record) in records.enumerated() {
      let task = try #require(record.task)
      #expect(task.total == Self.rows)
      #expect(task.flips.map(\.metric) == (index % 4 == 0 ? [] : ["acc", "acc_norm"]))
    }
  }

  /// Stopped at the n-th safe point, and again after as many, it ends with the same bytes.
  @Test(arguments: [1, 2, 3, 7, 12, 20])
  func aStoppedMeasurementIsResumed(_ most: Int) throws {
    let expected = try evidence("reference")
    try build("work").run(until: "prompt")
    var interruptions = 0
    for _ in 0..<3 {
      let calls = Mutex(0)
      do {
        // Four reused stages ask as well.
        let found = try evidence(
          "work",
          stop: {
            calls.withLock {
              $0 += 1
              return $0 > 5 + most
            }
          })
        #expect(found == expected)
      } catch let failure as Failure {
        #expect(failure.kind == .interrupted)
        interruptions += 1
      }
    }
    #expect(try evidence("work") == expected)
    #expect(interruptions > 0, "nothing was interrupted")
  }

  /// A crash after the n-th saved state: in the first measurement, between two models, between two tasks.
  @Test(arguments: [1, 2, 3, 4, 5, 7])
  func aCrashLosesNothing(_ occurrence: Int) throws {
    let expected = try evidence("reference")
    try build("work").run(until: "prompt")
    let seen = Counter()
    #expect(throws: Crash.self) {
      _ = try evidence(
        "work",
        fault: { point in
          guard point == .partialWritten else { return }
          seen.add()
          if seen.value == occurrence { throw Crash() }
        })
    }
    #expect(try evidence("work") == expected)
  }
}
