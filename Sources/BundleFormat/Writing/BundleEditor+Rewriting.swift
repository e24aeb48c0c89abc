import Bytes

extension BundleEditor {
  /// Writes the canonical form of the bundle at `path` to `target`, which may be the same file: its
  /// lock is then held from reading to replacing. Another file that is there is replaced by `rule`.
  /// Returns the digest, which is the same before and after.
  ///
  /// - Throws: `busy` while another process edits the file to be replaced; `cannotCreate` where `rule`
  ///   keeps it; `invalidData` where the bundle is damaged.
  @discardableResult
  public static func compact(
    _ path: String, to target: String, replacing rule: ReplacementRule = .unedited
  ) throws(Failure) -> SHA256Digest {
    let source = try FileIdentity(path: path)
    let destination = try FileDestination(target)
    AtomicFile.sweepTemporaries(of: destination.path)
    let there = try? FileIdentity(path: destination.path)
    guard let there, there.isSameFile(as: source) else {
      let bundle = try ModelBundle(path: path)
      try rule.check(destination, by: bundle)
      return try compacted(bundle, to: target).finish(replacing: rule)
    }
    let held = try EditableFile(path: path)
    return try compacted(ModelBundle(locked: held), to: target).finish(over: held)
  }

  private static func compacted(
    _ bundle: ModelBundle, to target: String
  ) throws(Failure) -> BundleWriter {
    try checkMayWrite(bundle.opened, bundle.path)
    var writer = BundleWriter(path: target)
    for section in bundle.sections { try writer.add(copying: section, from: bundle) }
    return writer
  }

  /// Writes the bundle at `path` to `target` with its tensors in another storage, in canonical
  /// form. Everything else stays as it is, digests included, so that prompts stay bound. A file that
  /// is there is replaced by `rule`. Returns the digest, which is the same before and after.
  ///
  /// - Throws: `usage` where both are the same file; `busy` while another process edits the file to be
  ///   replaced; `cannotCreate` where `rule` keeps it.
  @discardableResult
  public static func recode(
    _ path: String, to target: String, storage: TensorStorage,
    replacing rule: ReplacementRule = .unedited
  ) throws(Failure) -> SHA256Digest {
    let source = try FileIdentity(path: path)
    if let there = try? FileIdentity(path: target), there.isSameFile(as: source) {
      throw Failure(
        .usage, file: target, "is the bundle to be recoded itself", advice: "name another file")
    }
    let bundle = try ModelBundle(path: path)
    try checkMayWrite(bundle.opened, path)
    let destination = try FileDestination(target)
    AtomicFile.sweepTemporaries(of: destination.path)
    try rule.check(destination, by: bundle)
    var writer = BundleWriter(path: target, storage: storage)
    for section in bundle.sections { try writer.add(recoding: section, from: bundle) }
    return try writer.finish(replacing: rule)
  }
}
