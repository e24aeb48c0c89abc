import Bytes

/// The environment of a running stage: its inputs, its saved state and its progress reports.
package struct StageContext: Sendable {
  package let key: StageKey
  /// The stage's saved state.
  package let partial: PartialState
  let files: [String: ResolvedInput]
  let progress: BuildProgress
  let stage: String
  let ledger: RunLedger
  let stop: @Sendable () -> Bool

  /// Returns the path of a declared file.
  package func path(_ input: FileInput) -> String { resolved(input.name).path }

  /// Returns the digest of a declared file at the stage's start.
  package func digest(_ input: FileInput) -> SHA256Digest { resolved(input.name).object.digest }

  /// Returns the size of a declared file at the stage's start, in bytes.
  package func byteCount(_ input: FileInput) -> Int { resolved(input.name).object.byteCount }

  /// Parses a declared file as JSON.
  package func json(_ input: FileInput) throws(Failure) -> JSON {
    let path = path(input)
    return try JSON(parsing: MappedFile(path: path).bytes, file: path)
  }

  /// Returns the declared record of an earlier stage.
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

  /// Marks a safe point, at which the build may stop.
  ///
  /// - Throws: `interrupted` if a stop was requested.
  package func checkStop() throws(Failure) {
    if stop() {
      throw Failure(
        .interrupted, "stopped during \(stage)", advice: "run the same command again to resume")
    }
  }

  /// Whether the next safe point will stop the stage, which should then save its state.
  package var isStopping: Bool { stop() }

  /// Reports that `done` of `total` units are finished, with a short note such as the current loss.
  package func report(_ done: Int, of total: Int, _ note: String = "") {
    progress.report(done, of: total, note)
  }

  /// Prints a line between the progress reports.
  package func say(_ text: String) { progress.say(text) }

  /// Prints a line in verbose mode only.
  package func detail(_ text: String) { progress.detail(text) }

  /// Appends a line to the ledger of times and memory, which no stage reads.
  package func record(_ fields: JSONObject) { ledger.append(fields, stage: stage, key: key.short) }
}
