import BundleFormat
import Bytes
import Checkpoints
import Models

/// The transfer of a prompt from one bundle to another: checked before anything is written, then
/// appended in place.
///
/// A prompt belongs to a base model and its tokenizer, and can move between compressions of that
/// model. On weights that it was never measured on it is unvalidated, and the user has to allow it.
package struct Transfer: Sendable {
  /// The prompt that the target will hold, including its validations on other weights.
  package private(set) var prompt: StoredAdapter
  /// The prompt's routing key for the target's weights; nil if it is unknown.
  private var routingKey: StoredRoutingKey?
  /// The measurements that were made for this transfer.
  private var measured: [Validation] = []
  /// The target's model when the transfer was checked.
  private let targetModel: MeasuredModel
  /// Whether the target held the same prompt when the transfer was checked.
  private let isThere: Bool
  private let targetPath: String

  /// The digest of the target's tensors.
  package var targetWeights: SHA256Digest { targetModel.weights }

  /// Chooses a prompt of `source` and checks that it fits `target`. Writes nothing.
  ///
  /// - Parameters:
  ///   - name: the prompt's name in `source`; nil if it has only one.
  ///   - newName: its name in `target`; nil keeps it.
  /// - Throws: `usage` if the name is missing, ambiguous or taken, `notMet` if the prompt belongs
  ///   to another base model, tokenizer or width.
  package init(
    _ name: String? = nil, from source: ModelBundle, to target: ModelBundle,
    as newName: String? = nil
  ) throws(Failure) {
    var prompt = try Self.choose(name, from: source)
    try source.requireIntact(prompt: prompt.name)
    try Self.checkFit(of: prompt, on: target)
    try Self.check(
      "base model", bound: prompt.binding.baseModel, found: target.baseModelDigest, target)
    try Self.check(
      "tokenizer", bound: prompt.binding.tokenizer, found: target.tokenizerDigest, target)
    if let key = try source.routingKey(of: prompt.name), key.weights == target.weightsDigest {
      routingKey = key
    }
    prompt.name = newName ?? prompt.name
    routingKey?.name = prompt.name
    let there = try target.adapter(named: prompt.name)
    // A name that the target has isn't given here.
    if there == nil { try prompt.checkName() }
    if let there {
      guard there.isSame(as: prompt) else {
        throw Failure(
          .usage, file: target.path, at: "prompt “\(prompt.name)”",
          "the bundle already has another prompt of this name", advice: "give it another name",
          reason: .promptNameTaken)
      }
      prompt.keep(there.validatedOn)
    }
    self.prompt = prompt
    isThere = there != nil
    targetModel = try target.measuredModel
    targetPath = target.path
  }

  /// Whether the prompt's own record has a measurement on the target's weights.
  package var isValidated: Bool {
    prompt.validatedOn.contains { $0.weights == targetWeights }
  }

  /// Adds a measurement on the target's weights to the prompt's record, in place of an earlier one
  /// with the same protocol and text.
  package mutating func add(_ validation: Validation) {
    precondition(validation.weights == targetWeights, "measured on the target")
    prompt.add(validation)
    measured.append(validation)
  }

  /// Sets the prompt's routing key, learned on the target's weights.
  package mutating func add(_ key: StoredRoutingKey) {
    precondition(key.weights == targetWeights && key.name == prompt.name, "learned on the target")
    routingKey = key
  }

  /// Appends the prompt to the target and `records` to its evidence, in place and in one commit.
  ///
  /// - Returns: the target's new generation.
  /// - Throws: `notMet` if the prompt isn't validated on the target's weights and
  ///   `allowUnvalidated` is false.
  @discardableResult
  package func write(
    adding records: [EvidenceRecord] = [], allowUnvalidated: Bool = false
  ) throws(Failure) -> UInt64 {
    try Self.write([self], adding: records, allowUnvalidated: allowUnvalidated)
  }

  /// Appends several prompts to one target and `records` to its evidence, in place and in one
  /// commit: all of them arrive, or none. What others stored in the target meanwhile stays.
  ///
  /// - Returns: the target's new generation.
  /// - Throws: `busy` if the target's model was replaced meanwhile, or a prompt's name taken; `notMet` if a prompt isn't validated on the target's weights and `allowUnvalidated`
  ///   is false, `usage` if two prompts would have the same name.
  @discardableResult
  package static func write(
    _ transfers: [Transfer], adding records: [EvidenceRecord] = [], allowUnvalidated: Bool = false
  ) throws(Failure) -> UInt64 {
    guard let first = transfers.first else { throw Failure(.usage, "there is nothing to transfer") }
    precondition(
      transfers.allSatisfy {
        $0.targetPath == first.targetPath && $0.targetModel == first.targetModel
      }, "one target")
    for record in records { try record.checkFinite() }
    var names: Set<String> = []
    for transfer in transfers {
      func refuse(
        _ kind: Failure.Kind, _ finding: String, _ advice: String, _ reason: Failure.Reason
      ) -> Failure {
        Failure(
          kind, file: transfer.targetPath, at: "prompt “\(transfer.prompt.name)”", finding,
          advice: advice, reason: reason)
      }
      guard transfer.isValidated || allowUnvalidated else {
        throw refuse(
          .notMet, "it was never measured on these weights",
          "measure it on a text, or allow it unvalidated", .promptUnvalidated)
      }
      guard names.insert(transfer.prompt.name).inserted else {
        throw refuse(
          .usage, "two prompts would have this name", "give each its own", .promptNamesEqual)
      }
    }
    return try BundleEditor.edit(first.targetPath) { (edit) throws(Failure) in
      try edit.check(first.targetModel)
      for transfer in transfers { try transfer.add(to: &edit) }
      try edit.add(records)
    }.generation
  }

  /// Adds the prompt to what the target holds by now.
  private func add(to edit: inout BundleEdit) throws(Failure) {
    if isThere { try edit.check(prompt) }
    var final = prompt
    if let there = try edit.bundle.adapter(named: prompt.name) {
      guard there.isSame(as: prompt) else { throw edit.nameTaken(prompt.name) }
      final.keep(there.validatedOn)
      for validation in measured { final.add(validation) }
    }
    final.unvalidated = !final.validatedOn.contains { $0.weights == targetWeights }
    edit.add(.adapter(final))
    if let routingKey { edit.add(.routingKey(routingKey)) }
  }

  /// The prompt `name` of a bundle, or its only one.
  ///
  /// - Throws: `usage` if there is none, or if there are several and `name` is nil.
  package static func choose(_ name: String?, from source: ModelBundle) throws(Failure)
    -> StoredAdapter
  {
    if let name, let prompt = try source.adapter(named: name) { return prompt }
    let all = try source.adapters
    let names = all.map(\.name).joined(separator: ", ")
    if let name {
      throw Failure(
        .usage, file: source.path, "there is no prompt “\(name)”",
        advice: all.isEmpty ? "the bundle has none" : "it has \(names)")
    }
    guard let only = all.first else {
      throw Failure(.usage, file: source.path, "the bundle has no prompt")
    }
    guard all.count == 1 else {
      throw Failure(
        .usage, file: source.path, "there are \(all.count) prompts",
        advice: "choose one of \(names)", reason: .promptNeeded)
    }
    return only
  }

  private static func checkFit(of prompt: StoredAdapter, on target: ModelBundle) throws(Failure) {
    func mismatch(_ finding: String) -> Failure {
      Failure(
        .notMet, file: target.path, at: "prompt “\(prompt.name)”", finding,
        advice: "a prompt fits only compressions of the model it was learned on")
    }
    if case .embeddings(_, let width, _) = prompt.shape {
      // Prompts are as wide as token embeddings, which needn't be as wide as the model.
      let settings = try target.configuration
      let key = settings["word_embed_proj_dim"] == nil ? "hidden_size" : "word_embed_proj_dim"
      let wanted = try settings.required(key, as: Int.self, file: target.path)
      guard width == wanted else {
        throw mismatch("its vectors are \(width) wide, the target's model is \(wanted)")
      }
      return
    }
    let configuration = try ModelConfiguration(
      canonical: target.configuration, file: target.path)
    do throws(Failure) {
      try prompt.shape.check(configuration)
    } catch { throw mismatch(error.finding) }
  }

  /// Checks that two digests are equal. If one of them is unknown, the measurement (or the user)
  /// decides instead.
  private static func check(
    _ what: String, bound: SHA256Digest?, found: SHA256Digest?, _ target: ModelBundle
  ) throws(Failure) {
    guard let bound, let found, bound != found else { return }
    throw Failure(
      .notMet, file: target.path, at: what,
      "the prompt is bound to \(bound.hex), the target has \(found.hex)",
      advice: "a prompt fits only compressions of the model and tokenizer it was learned with")
  }
}

extension StoredAdapter {
  /// Whether both compute the same, whatever is recorded of them.
  fileprivate func isSame(as other: StoredAdapter) -> Bool {
    shape == other.shape && values == other.values
  }

  /// Adds those of `validations` that the record doesn't have.
  fileprivate mutating func keep(_ validations: [Validation]) {
    for validation in validations {
      var probe = self
      probe.add(validation)
      // A measurement of the same takes the place of an earlier one.
      if probe.validatedOn.count > validatedOn.count { self = probe }
    }
  }
}
