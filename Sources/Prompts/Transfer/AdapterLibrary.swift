import BundleFormat
import Bytes

/// Edits of a bundle's adapters and of their measurements, each in place and in one commit.
package enum AdapterLibrary {
  /// Stores measurements of a bundle's prompts: adds `records` to the evidence, and `validations` to
  /// the prompts that they name, which are then no longer unvalidated. Replaces earlier routing keys by
  /// `routingKeys`. What others stored meanwhile stays.
  ///
  /// - Parameters:
  ///   - prompts: the prompts that were measured, as they were then.
  ///   - model: the model that was measured, as it was then.
  /// - Returns: the new generation.
  /// - Throws: `busy` if the model or one of the prompts was replaced or removed meanwhile, `usage` if
  ///   the bundle has no such prompt, `notMet` if a measurement was made on other weights.
  @discardableResult
  package static func store(
    _ records: [EvidenceRecord], validations: [(prompt: String, of: Validation)],
    routingKeys: [StoredRoutingKey] = [], of prompts: [StoredAdapter], on model: MeasuredModel,
    in path: String
  ) throws(Failure) -> UInt64 {
    for record in records { try record.checkFinite() }
    return try BundleEditor.edit(path) { (edit) throws(Failure) in
      try edit.check(model)
      for prompt in prompts { try edit.check(prompt) }
      var changed: [StoredAdapter] = []
      for (name, validation) in validations {
        guard validation.weights == model.weights else {
          throw Failure(
            .notMet, file: path, at: "prompt “\(name)”", "was measured on other weights",
            advice: "measure it again")
        }
        if !changed.contains(where: { $0.name == name }) {
          guard let prompt = try edit.bundle.adapter(named: name) else {
            throw Failure(.usage, file: path, "there is no prompt “\(name)”")
          }
          try edit.bundle.requireIntact(prompt: name)
          changed.append(prompt)
        }
        for index in changed.indices where changed[index].name == name {
          changed[index].add(validation)
          changed[index].unvalidated = false
        }
      }
      edit.add(changed.map { .adapter($0) } + routingKeys.map { .routingKey($0) })
      try edit.add(records)
    }.generation
  }

  /// Removes prompts and adapters, everything computed from them, and the evidence measured with
  /// them.
  ///
  /// - Returns: the new generation.
  /// - Throws: `usage` if the bundle lacks one of them; nothing is removed then.
  @discardableResult
  package static func remove(_ names: [String], from path: String) throws(Failure) -> UInt64 {
    try BundleEditor.edit(path) { (edit) throws(Failure) in
      let all = edit.bundle.sections(of: .prompt) + edit.bundle.sections(of: .adapter)
      var removed: Set<BundleEditor.Key> = []
      for name in names {
        guard let section = all.first(where: { $0.name == name }), let type = section.type else {
          let there = all.map(\.name).joined(separator: ", ")
          throw Failure(
            .usage, file: path, "there is no prompt “\(name)”",
            advice: there.isEmpty ? "the bundle has none" : "it has \(there)")
        }
        let key = BundleEditor.Key(type: type, name: name)
        if removed.insert(key).inserted { edit.remove(key) }
      }
      let before = try edit.bundle.evidence
      let after = before.filter { record in !names.contains { record.uses(prompt: $0) } }
      if before.count != after.count { edit.add(.evidence(after)) }
    }.generation
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

extension BundleEdit {
  /// Checks that nobody added an adapter of this name since it was found free.
  ///
  /// - Throws: `busy` if somebody did.
  package func checkStillFree(_ name: String) throws(Failure) {
    guard try bundle.adapter(named: name) == nil else { throw nameTaken(name) }
  }

  func nameTaken(_ name: String) -> Failure {
    Failure(
      .busy, file: bundle.path, at: "prompt “\(name)”",
      "another prompt of this name was added meanwhile, so that nothing was stored",
      advice: "give the new one another name", reason: .promptNameTaken)
  }
}

extension StoredAdapter {
  /// Checks that a bundle may be given the adapter under its name.
  ///
  /// - Throws: `usage` if no new prompt can have the name.
  package func checkName() throws(Failure) {
    guard let fault = PromptName.fault(name) else { return }
    throw Failure(
      .usage, at: "prompt “\(name)”", fault, advice: "give the prompt another name",
      reason: .promptNameReserved)
  }
}
