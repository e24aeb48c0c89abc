import Bytes

/// The choice to build on an older state of a bundle whose newest state is damaged.
///
/// An edit overwrites the damaged record, and with it the last way to the newest state. It is
/// refused unless the caller accepts that for the task: `OlderState.$isAccepted.withValue(true)`.
public enum OlderState {
  /// Whether writers in this task may build on an older state.
  @TaskLocal public static var isAccepted = false
}

extension Failure.Reason {
  /// The bundle is damaged; what is intact can be recovered.
  package static let bundleDamaged = Failure.Reason("bundle.damaged")
  /// The newest state of the bundle is damaged, and an edit would lose it for good.
  package static let olderState = Failure.Reason("bundle.older-state")
}

extension OpenedContainer {
  /// Refuses a damaged bundle to a writer.
  /// - Throws: `invalidData` with the first fault, unless the caller accepts the older state.
  func refuseDamage(_ path: String) throws(Failure) {
    guard !OlderState.isAccepted, let fault = problems.first(where: { $0.severity == .error })
    else { return }
    throw Failure(
      .invalidData, file: path, at: fault.place,
      fault.finding + "; writing would build on generation \(record.generation)"
        + " and lose what came after it for good",
      advice: "recover the newest state into a new bundle, or accept the older one",
      reason: .olderState)
  }
}

extension ModelBundle {
  /// Checks all that is stored of a prompt or adapter before it is copied: a copy gets hashes of its
  /// own, which would hide damage.
  /// - Throws: `invalidData` with the first section whose bytes don't match its hash.
  package func requireIntact(prompt name: String) throws(Failure) {
    for type in [SectionType.prompt, .adapter, .promptKeyValues, .promptRoutingKey] {
      guard let section = section(type, named: name) else { continue }
      guard XXH3Digest(hashing: try storedBytes(of: section)) == section.xxh3 else {
        throw Failure(
          .invalidData, file: path, at: section.label, "its XXH3-128 doesn't match its bytes",
          advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
      }
    }
  }

  /// Checks the bundle before its bytes are measured or learned on, and the result is stored in it.
  /// - Throws: `invalidData` with the first fault. A damaged newest state is none where the caller
  ///   accepts the older one.
  public func requireSound(_ level: Verification = .fast) throws(Failure) {
    try opened.refuseDamage(path)
    let fault = check(level).first { $0.severity == .error && !problems.contains($0) }
    guard let fault else { return }
    throw Failure(
      .invalidData, file: path, at: fault.place, fault.finding,
      advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
  }
}
