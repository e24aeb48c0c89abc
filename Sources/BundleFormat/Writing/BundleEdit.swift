import Bytes

/// An edit that is being decided, under the bundle's lock: the state that it changes, and what it adds
/// and removes.
public struct BundleEdit {
  /// The bundle in the state in force, which nobody else changes until the edit ends.
  public let bundle: ModelBundle
  private(set) var added: [NewSection] = []
  private(set) var removed: [BundleEditor.Key] = []

  init(bundle: ModelBundle) { self.bundle = bundle }

  var hasChanges: Bool { !added.isEmpty || !removed.isEmpty }

  /// Adds a section, in place of one of the same type and name.
  public mutating func add(_ section: NewSection) { added.append(section) }

  /// Adds several sections, such as those of a tensor.
  public mutating func add(_ sections: [NewSection]) { added += sections }

  /// Removes a section, and what was computed from it.
  public mutating func remove(_ key: BundleEditor.Key) { removed.append(key) }

  /// Adds measurements to the evidence in force, in place of earlier ones of the same. A measurement without a
  /// comparison of inner values keeps that of the one that it replaces.
  ///
  /// - Throws: `invalidData` where the evidence can't be read.
  public mutating func add(_ records: [EvidenceRecord]) throws(Failure) {
    guard !records.isEmpty else { return }
    let old = try bundle.evidence
    add(.evidence(EvidenceRecord.merged(old, with: records.map { $0.keepingComparison(of: old) })))
  }
}

extension BundleEdit {
  /// Checks that the model is the one that was measured before the lock was taken.
  ///
  /// - Throws: `busy` saying what changed.
  public func check(_ measured: MeasuredModel) throws(Failure) { try bundle.check(measured) }

  /// Checks that the bundle still holds the prompt or adapter that was measured before the lock was
  /// taken, with the same values.
  ///
  /// - Throws: `busy` if it was removed or replaced.
  public func check(_ measured: StoredAdapter) throws(Failure) {
    let now = try bundle.adapter(named: measured.name)
    guard let now, now.shape == measured.shape, now.valuesDigest == measured.valuesDigest else {
      throw Failure(
        .busy, file: bundle.path, at: "prompt \"\(measured.name)\"",
        "was \(now == nil ? "removed" : "replaced") meanwhile, so that nothing was stored",
        advice: "run the same command again")
    }
  }
}
