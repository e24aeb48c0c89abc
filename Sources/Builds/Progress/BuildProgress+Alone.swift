import Bytes

extension BuildProgress {
  /// Runs a piece of work outside a build, showing its progress and stopping between parts if
  /// requested.
  ///
  /// - Parameters:
  ///   - name: the name to show.
  ///   - unit: the unit of progress, such as "window".
  ///   - unlessDone: a clause for the message of a stop: "nothing was measured".
  ///   - work: reports progress to the given handler, first before its first part. If it never
  ///     reports, nothing is shown.
  /// - Throws: `interrupted` if a stop was requested; errors of `work`.
  package func alone<Result>(
    _ name: String, unit: String, unlessDone: String,
    _ work: (ProgressHandler) throws -> Result
  ) throws -> Result {
    var hasBegun = false
    defer { if hasBegun { finish() } }
    let handler = ProgressHandler { [self] (done, total, note) throws(Failure) in
      if !hasBegun {
        start([(name: name, unit: unit, work: 1)])
        begin(name)
        hasBegun = true
      }
      report(done, of: total, note)
      if StopSignal.isRequested { throw Failure(.interrupted, "stopped; \(unlessDone)") }
    }
    return try work(handler)
  }
}
