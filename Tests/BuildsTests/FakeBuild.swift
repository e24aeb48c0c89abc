import Builds
import Bytes
import Foundation
import TestSupport

/// A stage that hashes its inputs and parameters in several resumable steps.
struct FakeStage: Stage {
  let name: String
  var algorithmVersion = 1
  var parameters: JSON = .object([:])
  var reads: [Reading] = []
  var usesKernels = true
  var work = 1.0
  var unit = "step"
  var steps = 4
  /// The number of steps computed, over all runs.
  var counter = Counter()
  /// The name of an extra output that the stage makes without declaring it.
  var undeclared: String?
  /// Called before each step.
  var beforeStep: @Sendable (Int) throws -> Void = { _ in }

  enum Reading: Sendable {
    case file(String, as: String)
    case part(any FilePart, as: String)
    /// The output of the stage with this name, which has the same name.
    case output(of: String)
  }

  func declareInputs(in list: inout InputList) -> [FileInput] {
    reads.map {
      switch $0 {
      case .file(let path, let name): list.file(path, as: name)
      case .part(let part, let name): list.part(part, as: name)
      case .output(let stage): list.output(StageOutput(stage, of: stage))
      }
    }
  }

  var outputs: [StageOutput] { [StageOutput(name, of: name)] }

  func run(_ context: StageContext, _ inputs: [FileInput]) throws -> StageResult {
    // The state and its step are in one file, so that a crash can't separate them.
    let saved = try context.partial.load("state")?.array ?? [0]
    var done = Int(saved[0])
    var state = Array(saved.dropFirst())
    while done < steps {
      try context.checkStop()
      try beforeStep(done)
      var content = state + parameters.canonicalBytes + [UInt8(done)]
      for input in inputs { content += try MappedFile(path: context.path(input)).bytes.array }
      state = SHA256Digest(hashing: content).bytes
      done += 1
      counter.add()
      try context.partial.save("state", [UInt8(done)] + state)
      context.report(done, of: steps)
    }
    var result = StageResult(
      outputs: [outputs[0]: .bytes(state)], summary: ["steps": JSON(steps)])
    if let undeclared { result.outputs[StageOutput(undeclared, of: name)] = .bytes([0]) }
    return result
  }
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
    first.reads = [.file(input, as: "text")]
    second.reads = [.output(of: "first")]
    third.reads = [.output(of: "second"), .file(input, as: "text")]
  }

  func build(
    work: String = "work", style: BuildProgress.Style = .quiet,
    fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in },
    stop: @escaping @Sendable () -> Bool = { false }
  ) throws -> Build {
    let store = try Store(folder: folder.file(work), create: true, fault: fault)
    return try Build(
      stages: [first, second, third], store: store, kernels: kernels,
      progress: BuildProgress(style: style), stop: stop)
  }

  /// Runs the build and returns the digest of the last stage's output.
  func run(
    work: String = "work", fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in }
  ) throws -> SHA256Digest? {
    try build(work: work, fault: fault).run().last?.outputs["third"]?.digest
  }
}
