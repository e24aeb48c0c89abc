import Bytes

extension EncodedSection {
  /// A tensor's section of another bundle, in `storage`. Throws `invalidData` where its bytes are
  /// not what its bundle says, so that damage isn't given new hashes.
  init(
    recoding section: Section, from bundle: ModelBundle, storage: TensorStorage
  ) throws(Failure) {
    func invalid(_ finding: String) -> Failure {
      Failure(.invalidData, file: bundle.path, at: section.label, finding)
    }
    guard let type = section.type, let layout = section.layout else {
      throw invalid("can't be recoded without understanding it")
    }
    guard XXH3Digest(hashing: try bundle.storedBytes(of: section)) == section.xxh3 else {
      throw invalid("its XXH3-128 doesn't match its bytes")
    }
    var new = NewSection(
      type: type, layout: layout, name: section.name, attributes: section.attributes,
      bytes: try bundle.bytes(of: section), flags: section.flags, policy: storage.policy)
    // Read now and not again: a large model would pile up in memory.
    defer { bundle.release() }
    if storage == .coded { new.tensor = try bundle.tensor(named: section.name) }
    do throws(Failure) {
      try self.init(new, isNamedAnew: false)
    } catch { throw error.located(file: bundle.path) }
    guard self.section.sha256 == section.sha256 else {
      throw invalid("its SHA-256 doesn't match its content")
    }
  }
}
