import Bytes

extension BuildProgress {
  /// A piece of work outside of a build, with its progress shown and a stop between two of its parts.
  ///
  /// - Parameters:
  ///   - unlessDone: the state that a stop leaves, for its message.
  ///   - work: reports its parts to the handler that it gets, the first time before its first part. Where
  ///     it never does, nothing is shown.
  /// - Throws: `interrupted` where the user asked to stop.
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
