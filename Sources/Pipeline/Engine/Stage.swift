import Bytes

/// One step of a build, from digested inputs to files in the store.
package protocol Stage: Sendable {
  var name: String { get }
  /// Raised whenever the same inputs and parameters would give other bytes than before.
  var algorithmVersion: Int { get }
  /// Everything besides the inputs that decides the result; no paths, no times.
  var parameters: JSON { get }
  var inputs: [StageInput] { get }
  /// Whether floating-point arithmetic decides the result.
  var usesKernels: Bool { get }
  /// How much there is to do, in units that mean about the same time in every stage (10⁹
  /// multiply-adds).
  var work: Double { get }
  /// Work per second beside that of a plain product in bfloat16, as measured on SmolLM2-135M.
  var pace: Double { get }
  /// What it takes of the machine.
  var needs: StageNeeds { get }
  /// What is counted while it runs: "block", "step", "window".
  var unit: String { get }

  func run(_ context: StageContext) throws -> StageResult
}

extension Stage {
  package var pace: Double { 1 }
  package var needs: StageNeeds { StageNeeds() }
}

/// Something that a stage reads.
package struct StageInput: Sendable, Equatable {
  package enum Source: Sendable, Equatable {
    /// A file outside of the store.
    case file(String)
    /// The weights, the configuration and the tokenizer of a bundle outside of the store; whatever else is in
    /// it may change.
    case weights(String)
    /// What an earlier stage made.
    case output(stage: String, name: String)
    /// The record of an earlier stage: its key and its summary.
    case record(stage: String)
  }

  package let name: String
  package let source: Source

  package static func file(_ name: String, _ path: String) -> StageInput {
    StageInput(name: name, source: .file(path))
  }

  package static func weights(_ name: String, _ bundle: String) -> StageInput {
    StageInput(name: name, source: .weights(bundle))
  }

  package static func output(_ name: String, of stage: String) -> StageInput {
    StageInput(name: name, source: .output(stage: stage, name: name))
  }

  package static func record(of stage: String) -> StageInput {
    StageInput(name: "record of \(stage)", source: .record(stage: stage))
  }
}

/// What a stage made.
package struct StageResult: Sendable {
  package enum Content: Sendable {
    case bytes([UInt8])
    /// A finished, durable file in the stage's scratch space.
    case file(String)
  }

  package var outputs: [String: Content]
  package var summary: JSON

  package init(outputs: [String: Content], summary: JSON = .object([:])) {
    self.outputs = outputs
    self.summary = summary
  }
}

/// What a running stage may use.
package struct StageContext: Sendable {
  package let key: StageKey
  package let partial: PartialState
  let files: [String: ResolvedInput]
  let progress: BuildProgress
  let stage: String
  let ledger: RunLedger
  let stop: @Sendable () -> Bool

  /// The path of the input `name`, as declared by the stage.
  package func path(_ name: String) throws(Failure) -> String { try resolved(name).path }

  /// The digest that the input `name` had when the stage began.
  package func digest(_ name: String) throws(Failure) -> SHA256Digest {
    try resolved(name).object.digest
  }

  /// The record of an earlier stage, as declared by the stage.
  package func record(of stage: String) throws(Failure) -> StageMarker {
    guard let marker = try resolved(StageInput.record(of: stage).name).record else {
      throw Failure(.internalError, "stage \(stage) left no record")
    }
    return marker
  }

  private func resolved(_ name: String) throws(Failure) -> ResolvedInput {
    guard let file = files[name] else {
      throw Failure(.internalError, "stage \(stage) reads `\(name)` without having declared it")
    }
    return file
  }

  /// A safe point: throws `interrupted` where the person asked to stop.
  package func checkStop() throws(Failure) {
    if stop() {
      throw Failure(
        .interrupted, "stopped during \(stage)", advice: "run the same command to go on from here")
    }
  }

  /// Whether the next safe point will stop: time to save.
  package var isStopping: Bool { stop() }

  /// Says how far the stage is: `done` of `total` units, with a few words on how it goes.
  package func report(_ done: Int, of total: Int, _ note: String = "") {
    progress.report(done, of: total, note)
  }

  /// Says something worth a line of its own.
  package func say(_ text: String) { progress.say(text) }

  /// Says something for those who asked for more.
  package func detail(_ text: String) { progress.detail(text) }

  /// Adds a line to the ledger of times and memory, which nothing reads but people.
  package func record(_ fields: JSONObject) { ledger.append(fields, stage: stage, key: key.short) }
}

/// An input with its place and the digest it had.
struct ResolvedInput: Sendable {
  enum Place: Sendable {
    /// Outside of the store, where others may write.
    case external
    /// Of a bundle the weights alone, likewise.
    case weights
    case store
    /// Not a file: what is known of a finished stage.
    case record(StageMarker)
  }

  let path: String
  let object: StoreObject
  let place: Place
  /// nil where there is no file.
  let identity: FileIdentity?

  var record: StageMarker? { if case .record(let marker) = place { marker } else { nil } }
}
