import Bytes

extension BuildProgress {
  /// One piece of work outside of a build: how far it is, and a stop between two of its parts.
  ///
  /// - Parameters:
  ///   - unlessDone: what a stop leaves behind, for its message.
  ///   - work: reports its parts to the handler that it gets, the first time before its first part. Where it
  ///     never does, nothing is shown.
  /// - Throws: `interrupted` where the person asked to stop.
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
