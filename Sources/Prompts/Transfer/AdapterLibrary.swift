import BundleFormat
import Bytes

/// Edits of a bundle's adapters and of their measurements, each in place and in one commit.
package enum AdapterLibrary {
  /// Stores measurements of a bundle's prompts: appends `records` to the evidence, and adds
  /// `validations` to the prompts that they name, which are then no longer unvalidated. Replaces
  /// earlier routing keys by `routingKeys`.
  ///
  /// - Returns: the new generation.
  /// - Throws: `usage` if the bundle has no such prompt, `notMet` if a measurement was made on
  ///   other weights.
  @discardableResult
  package static func store(
    _ records: [EvidenceRecord], validations: [(prompt: String, of: Validation)],
    routingKeys: [StoredRoutingKey] = [], in path: String
  ) throws(Failure) -> UInt64 {
    let bundle = try ModelBundle(path: path)
    let weights = bundle.weightsDigest
    var changed: [StoredAdapter] = []
    for (name, validation) in validations {
      guard validation.weights == weights else {
        throw Failure(
          .notMet, file: path, at: "prompt “\(name)”", "was measured on other weights",
          advice: "measure it again")
      }
      if !changed.contains(where: { $0.name == name }) {
        guard let prompt = try bundle.adapter(named: name) else {
          throw Failure(.usage, file: path, "there is no prompt “\(name)”")
        }
        changed.append(prompt)
      }
      for index in changed.indices where changed[index].name == name {
        changed[index].add(validation)
        changed[index].unvalidated = false
      }
    }
    let evidence = EvidenceRecord.merged(try bundle.evidence, with: records)
    return try BundleEditor.append(
      to: path,
      sections: changed.map { .adapter($0) } + routingKeys.map { .routingKey($0) }
        + [.evidence(evidence)])
  }

  /// Removes prompts and adapters, everything computed from them, and the evidence measured with
  /// them.
  ///
  /// - Returns: the new generation.
  /// - Throws: `usage` if the bundle lacks one of them; nothing is removed then.
  @discardableResult
  package static func remove(_ names: [String], from path: String) throws(Failure) -> UInt64 {
    let bundle = try ModelBundle(path: path)
    let all = bundle.sections(of: .prompt) + bundle.sections(of: .adapter)
    var removed: [BundleEditor.Key] = []
    for name in names {
      guard let section = all.first(where: { $0.name == name }), let type = section.type else {
        let there = all.map(\.name).joined(separator: ", ")
        throw Failure(
          .usage, file: path, "there is no prompt “\(name)”",
          advice: there.isEmpty ? "the bundle has none" : "it has \(there)")
      }
      let key = BundleEditor.Key(type: type, name: name)
      if !removed.contains(key) { removed.append(key) }
    }
    let before = try bundle.evidence
    let after = before.filter { record in !names.contains { record.uses(prompt: $0) } }
    return try BundleEditor.append(
      to: path, sections: before.count == after.count ? [] : [.evidence(after)],
      removing: removed)
  }
}

extension ModelBundle {
  /// Checks that no adapter has this name.
  ///
  /// - Throws: `usage` if one has.
  package func checkFree(_ name: String) throws(Failure) {
    guard try adapter(named: name) == nil else {
      throw Failure(
        .usage, file: path, at: "prompt “\(name)”", "the bundle already has a prompt of this name",
        advice: "give the new one another name", reason: .promptNameTaken)
    }
  }
}

extension StoredAdapter {
  /// Checks that the adapter can be chosen by its name.
  ///
  /// - Throws: `usage` if the name is reserved.
  package func checkName() throws(Failure) {
    guard PromptName.reserved.contains(name) else { return }
    throw Failure(
      .usage, at: "prompt “\(name)”",
      "this name is reserved, because it has another meaning when a prompt is chosen",
      advice: "give the prompt another name", reason: .promptNameReserved)
  }
}
