import Bytes
import Foundation
import Pipeline
import Synchronization
import TestSupport

/// A stage whose bytes follow from its inputs and parameters by hashing, in a number of resumable
/// steps.
struct FakeStage: Stage {
  let name: String
  var algorithmVersion = 1
  var parameters: JSON = .object([:])
  var inputs: [StageInput] = []
  var usesKernels = true
  var work = 1.0
  var unit = "step"
  var steps = 4
  /// Counts the steps really done, over all runs.
  var counter = Counter()
  /// Called before each step.
  var beforeStep: @Sendable (Int) throws -> Void = { _ in }

  func run(_ context: StageContext) throws -> StageResult {
    // One file holds the state and its step, so that a crash can't part them.
    let saved = context.partial.load("state")?.array ?? [0]
    var done = Int(saved[0])
    var state = Array(saved.dropFirst())
    while done < steps {
      try context.checkStop()
      try beforeStep(done)
      var content = state + parameters.canonicalBytes + [UInt8(done)]
      for input in inputs { content += try MappedFile(path: context.path(input.name)).bytes.array }
      state = SHA256Digest(hashing: content).bytes
      done += 1
      counter.add()
      try context.partial.save("state", [UInt8(done)] + state)
      context.report(done, of: steps)
    }
    return StageResult(outputs: [name: .bytes(state)], summary: ["steps": JSON(steps)])
  }
}

final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  func add() { count.add(1, ordering: .relaxed) }
  var value: Int { count.load(ordering: .relaxed) }
}

/// Three stages in a row over one external file.
struct FakeBuild {
  let folder: TemporaryFolder
  var first = FakeStage(name: "first")
  var second = FakeStage(name: "second")
  var third = FakeStage(name: "third")
  var kernels = "plain"

  init(_ folder: TemporaryFolder) throws {
    self.folder = folder
    let input = folder.file("input.txt")
    if !FileManager.default.fileExists(atPath: input) { try folder.write("input.txt", "some text") }
    first.inputs = [.file("text", input)]
    second.inputs = [.output("first", of: "first")]
    third.inputs = [.output("second", of: "second"), .file("text", input)]
  }

  func build(
    work: String = "work", style: BuildProgress.Style = .quiet,
    fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in },
    stop: @escaping @Sendable () -> Bool = { false }
  ) throws -> Build {
    let store = try Store(folder: folder.file(work), create: true, fault: fault)
    return Build(
      stages: [first, second, third], store: store, kernels: kernels,
      progress: BuildProgress(style: style), stop: stop)
  }

  /// The digest of the last stage's output.
  func run(
    work: String = "work", fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in }
  ) throws -> SHA256Digest? {
    try build(work: work, fault: fault).run().last?.outputs["third"]?.digest
  }
}

struct Crash: Error {}
