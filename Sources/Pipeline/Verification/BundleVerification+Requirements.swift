import BundleFormat
import Bytes

extension BundleVerification {
  /// The requirements of a call. A policy that names signers decides which trees must be signed;
  /// without one, every tree with content must be signed by one of the given keys, or the file by
  /// its own signature. Without a key and without a policy nothing can be verified.
  static func requirements(
    _ bundle: ModelBundle, _ trees: [TreeVerification], _ file: FileSignature.Outcome?,
    hasKeys: Bool, _ policy: VerificationPolicy?, isSound: Bool
  ) -> [Requirement] {
    var list: [Requirement] = []
    if let file {
      let miss: String? =
        switch file {
        case .valid: nil
        case .unknownSigner: "it is signed by a key that wasn't given"
        case .invalid: "it is invalid"
        }
      list.append(Requirement("the file's signature", miss: miss))
    }
    if let policy, !policy.signers.isEmpty {
      list += signers(policy, trees)
    } else if hasKeys, file == nil {
      list += trees.filter { $0.status != .empty }.map { tree in
        Requirement("\(tree.tree.rawValue) signed", miss: miss(of: tree))
      }
      if list.isEmpty { list.append(Requirement("content signed", miss: "the bundle is empty")) }
    } else if policy == nil, file == nil {
      let found = bundle.isSigned ? "no key was given to check them with" : "there are none"
      list.append(Requirement("signatures", miss: found))
    }
    if let policy { list += rules(policy, bundle, isSound: isSound) }
    return list
  }

  private static func miss(of tree: TreeVerification) -> String? {
    switch tree.status {
    case .valid: nil
    case .unsigned: "unsigned"
    case .unknownSigner: "signed by another key than the given ones"
    case .notChecked: "no key was given"
    case .empty: "there are none"
    case .invalid: "a signature is invalid"
    }
  }

  private static func signers(
    _ policy: VerificationPolicy, _ trees: [TreeVerification]
  ) -> [Requirement] {
    trees.flatMap { tree in
      (policy.signers[tree.tree] ?? []).map { signer in
        var miss: String?
        if !tree.signers.contains(signer.id) {
          let present = tree.signatures.contains { $0.statement?.key == signer.id }
          miss =
            tree.signatures.isEmpty
            ? tree.sections == 0 ? "there are none" : "unsigned"
            : !present
              ? "signed by other keys"
              : tree.status == .invalid
                ? "a signature is invalid" : "the key itself wasn't given (--key)"
        }
        return Requirement("\(tree.tree.rawValue) signed by \(signer.label)", miss: miss)
      }
    }
  }

  /// The rules about the content; a damaged document meets none that depends on it.
  private static func rules(
    _ policy: VerificationPolicy, _ bundle: ModelBundle, isSound: Bool
  ) -> [Requirement] {
    let weights = bundle.weightsDigest
    let records = ((try? bundle.evidence) ?? []).filter {
      $0.model == "full" || $0.modelDigest == weights
    }
    var list = policy.evidence.map { wanted in
      let found = records.contains { $0.model == "compressed" && wanted.isMet(by: $0) }
      return Requirement(
        "evidence on \(wanted.label)",
        miss: found ? nil : "there is no such measurement of these weights")
    }
    if !policy.gate.isEmpty { list += limits(policy.gate, records, bundle) }
    if policy.noEvents {
      list.append(Requirement("no numerical events", miss: events(of: bundle)))
    }
    if let least = policy.minimumFormatVersion {
      let isMet = FormatVersion(least).flatMap { least in
        FormatVersion(bundle.formatVersion).map { $0 >= least }
      }
      list.append(
        Requirement(
          "container version \(least) or later",
          miss: isMet == true ? nil : "it is \(bundle.formatVersion)"))
    }
    if let digest = policy.digest {
      let found = bundle.canonicalDigest.hex
      list.append(
        Requirement("content digest \(digest)", miss: found == digest ? nil : "it is \(found)"))
    }
    return isSound ? list : list.map { Requirement($0.rule, miss: $0.miss ?? "it is damaged") }
  }

  /// The kinds of numerical events with their numbers, as a clause; nil for none.
  private static func events(of bundle: ModelBundle) -> String? {
    guard let events = try? bundle.events else { return "they can't be read" }
    if events.isEmpty { return nil }
    let kinds = Dictionary(grouping: events, by: \.kind).sorted { $0.key < $1.key }
    return "found " + kinds.map { "\($0.key) (\($0.value.count))" }.joined(separator: ", ")
  }

  /// The limits for every text, protocol and prompt that these weights were measured with.
  private static func limits(
    _ gate: GateRecipe, _ records: [EvidenceRecord], _ bundle: ModelBundle
  ) -> [Requirement] {
    let measured = records.filter {
      $0.model == "compressed" && $0.choice == nil && $0.task == nil
    }
    let texts = Set(measured.map(\.text))
    var list: [Requirement] = []
    for text in texts.union(gate.named.keys).sorted() {
      let limits = gate.limits(for: text)
      if limits.isEmpty { continue }
      guard texts.contains(text) else {
        list.append(
          Requirement("limits on \(text)", miss: "these weights weren't measured on it"))
        continue
      }
      for `protocol` in Set(measured.filter { $0.text == text }.map(\.protocol)).sorted() {
        let own = records.filter { $0.text == text && $0.protocol == `protocol` }
        let prompts = Set(
          own.filter { $0.model == "compressed" && $0.choice == nil }.compactMap(\.prompt)
        ).filter { bundle.hasPrompt($0) }
        for prompt in prompts.isEmpty ? [nil] : prompts.sorted().map(Optional.some) {
          let numbers = FourNumbers(
            own.filter { $0.prompt == nil || $0.prompt == prompt }, text: text)
          for check in limits.checks(numbers) {
            let with = prompt.map { " with prompt \($0)" } ?? ""
            list.append(
              Requirement(
                "\(check.limit) \(Figure.short(check.bound)) on \(text)\(with) by \(`protocol`)",
                miss: check.miss))
          }
        }
      }
    }
    for (name, limits) in gate.tasks.sorted(by: { $0.key < $1.key }) {
      for check in limits.checks(records, task: name) {
        list.append(
          Requirement(
            "\(check.limit) \(Figure.short(check.bound)) on the task \(name)", miss: check.miss))
      }
    }
    if list.isEmpty { list.append(Requirement("limits", miss: "these weights weren't measured")) }
    return list
  }
}

extension ModelBundle {
  fileprivate func hasPrompt(_ name: String) -> Bool {
    section(.prompt, named: name) != nil || section(.adapter, named: name) != nil
  }
}

extension VerificationPolicy.Measurement {
  /// The measurement in words: "held-out by ctp-2048".
  fileprivate var label: String {
    text + (`protocol`.map { " by \($0)" } ?? "")
      + (prompt.map { $0 == "none" ? " without a prompt" : " with prompt \($0)" } ?? "")
  }

  fileprivate func isMet(by record: EvidenceRecord) -> Bool {
    record.text == text && (`protocol` == nil || record.protocol == `protocol`)
      && (textDigest == nil || record.textDigest?.hex == textDigest)
      && (prompt == nil || record.prompt ?? "none" == prompt)
  }
}
