import Bytes
import Foundation

/// A sequence of stages and the store that keeps their outputs. Running it reuses the stages whose
/// outputs are up to date and intact, and runs the others in order.
package final class Build {
  package let stages: [any Stage]
  package let store: Store
  let kernels: String
  let progress: BuildProgress
  let threads: Int
  let stop: @Sendable () -> Bool
  let surroundings: @Sendable () -> MemorySurroundings

  /// Makes a build of `stages` in `store`.
  ///
  /// - Parameters:
  ///   - kernels: this machine's class of floating-point kernels, a part of the keys of stages that
  ///     use them.
  ///   - threads: the number of threads, for the ledger.
  ///   - stop: called at every safe point; true stops the build.
  ///   - surroundings: called for the system's limit on memory and its count of kills.
  /// - Throws: `internalError` if a stage reads something that no earlier stage makes.
  package init(
    stages: [any Stage], store: Store, kernels: String, threads: Int = 1,
    progress: BuildProgress, stop: @escaping @Sendable () -> Bool = { StopSignal.isRequested },
    surroundings: @escaping @Sendable () -> MemorySurroundings = { .current }
  ) throws(Failure) {
    try Self.checkWiring(stages)
    self.stages = stages
    self.store = store
    self.kernels = kernels
    self.threads = threads
    self.progress = progress
    self.stop = stop
    self.surroundings = surroundings
  }

  /// Runs the stages that aren't up to date, through `last` (all if nil).
  ///
  /// - Returns: the records of these stages, in order.
  /// - Throws: `busy` if another process is building in the store; `interrupted` at a safe point;
  ///   `usage` if there is no stage `last`; the failure of a stage.
  @discardableResult
  package func run(until last: String? = nil) throws -> [StageMarker] {
    let wanted = try stages(until: last)
    let lock = try store.lock()
    defer { withExtendedLifetime(lock) {} }
    try store.sweep()
    if let note = memoryNote(surroundings()) { progress.say(note) }
    progress.start(wanted.map { ($0.name, $0.unit, $0.work) })
    defer { progress.finish() }
    var files = ExternalFiles()
    var done: [StageMarker] = []
    for stage in wanted {
      let inputs = try resolve(stage, done, &files)
      let key = key(of: stage, inputs)
      if let marker = try reusable(key, of: stage) {
        progress.reuse(stage.name, key.short)
        // A crash may have left the partial state of a stage whose record is complete.
        try? FileManager.default.removeItem(atPath: store.partialFolder + "/" + key.digest.hex)
        done.append(marker)
      } else {
        done.append(try run(stage, key, inputs, &files))
      }
      try store.setLatest(stage.name, key)
      if stop() {
        throw Failure(
          .interrupted, "stopped after \(stage.name)",
          advice: "run the same command again to resume")
      }
    }
    if wanted.count == stages.count { store.discardPartials() }
    return done
  }

  /// Returns the stages through `last` (all if nil).
  ///
  /// - Throws: `usage` if there is no such stage.
  func stages(until last: String?) throws(Failure) -> [any Stage] {
    guard let last else { return stages }
    guard let index = stages.firstIndex(where: { $0.name == last }) else {
      let names = stages.map(\.name).joined(separator: ", ")
      throw Failure(
        .usage, "there is no stage `\(last)`; this build has \(names)", reason: .unknownStage)
    }
    return Array(stages[...index])
  }

  /// Returns the key of `stage` with these inputs.
  func key(of stage: any Stage, _ inputs: [String: ResolvedInput]) -> StageKey {
    StageKey(
      stage: stage, inputs: inputs.mapValues(\.object.digest),
      kernels: stage.usesKernels ? kernels : nil)
  }

  /// Returns the record of a finished stage whose outputs are all present and intact; nil if an
  /// output is missing, so that the stage runs again.
  ///
  /// - Throws: `invalidData` if the record or an output is damaged, because other files may be
  ///   damaged too.
  func reusable(_ key: StageKey, of stage: any Stage) throws -> StageMarker? {
    guard let marker = try store.marker(for: key) else { return nil }
    let (found, declared) = (Set(marker.outputs.keys), Set(stage.outputs.map(\.name)))
    guard marker.stage == stage.name, found == declared else {
      throw store.damaged(
        key.digest,
        "it lists the outputs \(found.sorted()) of \(marker.stage), not \(declared.sorted()) of"
          + " \(stage.name)")
    }
    for (name, object) in marker.outputs.sorted(by: { $0.key < $1.key }) {
      switch try store.check(object) {
      case .good: continue
      case .missing: return nil
      case .damaged(let how):
        throw Failure(
          .invalidData, file: store.path(of: object), at: "\(marker.stage)'s output `\(name)`", how,
          advice: "remove the file; \(marker.stage) then runs again")
      }
    }
    return marker
  }

  private func run(
    _ stage: any Stage, _ key: StageKey, _ inputs: [String: ResolvedInput],
    _ files: inout ExternalFiles
  ) throws -> StageMarker {
    let clock = ProcessUsage.clock
    try store.setLatest(stage.name, key)
    let ledger = RunLedger(file: store.ledgerFile)
    func note(_ outcome: String) {
      ledger.append(
        RunLedger.Entry(
          stage: stage.name, key: key.short, outcome: outcome,
          seconds: ProcessUsage.clock - clock, work: stage.work), threads: threads)
    }
    do {
      let partial = try PartialState(store: store, key: key)
      ledger.append(
        RunLedger.Beginning(
          stage: stage.name, key: key.short, estimate: stage.needs.memory,
          surroundings: surroundings()))
      progress.begin(stage.name)
      let context = StageContext(
        key: key, partial: partial, files: inputs, progress: progress, stage: stage.name,
        ledger: ledger, stop: stop)
      try context.checkStop()
      let result = try stage.run(context)
      try checkUnchanged(stage, inputs, &files)
      let marker = try publish(stage, key, result)
      try partial.discard()
      note("done")
      progress.end(stage.name, seconds: ProcessUsage.clock - clock)
      return marker
    } catch {
      note((error as? Failure)?.kind == .interrupted ? "interrupted" : "failed")
      throw error
    }
  }

  private func publish(
    _ stage: any Stage, _ key: StageKey, _ result: StageResult
  ) throws -> StageMarker {
    try Self.checkOutputs(result, of: stage)
    var outputs: [String: StoreObject] = [:]
    for (output, content) in result.outputs.sorted(by: { $0.key.name < $1.key.name }) {
      switch content {
      case .bytes(let bytes): outputs[output.name] = try store.ingest(bytes)
      case .file(let path): outputs[output.name] = try store.ingest(path)
      }
    }
    let marker = StageMarker(
      stage: stage.name, key: key, outputs: outputs, summary: result.summary)
    try store.write(marker)
    return marker
  }
}
