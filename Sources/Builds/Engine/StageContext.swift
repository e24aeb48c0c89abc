import Bytes

/// The surroundings of a running stage: its inputs, its saved state and its progress.
package struct StageContext: Sendable {
  package let key: StageKey
  package let partial: PartialState
  let files: [String: ResolvedInput]
  let progress: BuildProgress
  let stage: String
  let ledger: RunLedger
  let stop: @Sendable () -> Bool

  /// The path of a declared file.
  package func path(_ input: FileInput) -> String { resolved(input.name).path }

  /// The digest that a declared file had when the stage began.
  package func digest(_ input: FileInput) -> SHA256Digest { resolved(input.name).object.digest }

  /// A declared file as a JSON document.
  package func json(_ input: FileInput) throws(Failure) -> JSON {
    let path = path(input)
    return try JSON(parsing: MappedFile(path: path).bytes, file: path)
  }

  /// The declared record of an earlier stage.
  package func record(_ input: RecordInput) -> StageMarker {
    guard let marker = resolved(input.name).record else {
      preconditionFailure("`\(input.name)` was declared as a file")
    }
    return marker
  }

  private func resolved(_ name: String) -> ResolvedInput {
    guard let file = files[name] else {
      preconditionFailure("the handle `\(name)` is another stage's, not one of \(stage)")
    }
    return file
  }

  /// A safe point.
  /// - Throws: `interrupted` where the user asked to stop.
  package func checkStop() throws(Failure) {
    if stop() {
      throw Failure(
        .interrupted, "stopped during \(stage)", advice: "run the same command to go on from here")
    }
  }

  /// Whether the next safe point will stop: time to save.
  package var isStopping: Bool { stop() }

  /// Reports `done` of `total` units, with a few words on how it goes.
  package func report(_ done: Int, of total: Int, _ note: String = "") {
    progress.report(done, of: total, note)
  }

  /// Says something worth a line of its own.
  package func say(_ text: String) { progress.say(text) }

  /// Says something that only verbose output shows.
  package func detail(_ text: String) { progress.detail(text) }

  /// Adds a line to the ledger of times and memory, which no stage reads.
  package func record(_ fields: JSONObject) { ledger.append(fields, stage: stage, key: key.short) }
}
