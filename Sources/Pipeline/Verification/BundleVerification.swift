import BundleFormat
import Bytes

/// The verification of a bundle before it is used: its full check, its signatures, the signature of
/// its file, and a policy.
package struct BundleVerification: Sendable {
  /// A rule and whether it is met.
  package struct Requirement: Sendable {
    /// The rule in words: "weights signed by release.pem".
    package let rule: String
    /// The reason why it isn't met, as a clause; nil if it is.
    package let miss: String?

    package init(_ rule: String, miss: String?) {
      self.rule = rule
      self.miss = miss
    }
  }

  /// The overall result.
  package enum Verdict: String, Sendable {
    /// Everything that was required holds.
    case verified
    /// The bundle is sound, but a requirement isn't met: unsigned, another signer, or the policy.
    case notMet = "not met"
    /// The bundle is damaged, or a signature is invalid.
    case invalid
  }

  /// The opened bundle; nil if it can't be opened.
  package let bundle: ModelBundle?
  /// The faults of the full check, those of signatures' sections included.
  package let problems: [Problem]
  /// The signatures by tree; empty if the bundle can't be opened.
  package let trees: [TreeVerification]
  /// The outcome for the file's signature; nil if none was given.
  package let file: FileSignature.Outcome?
  /// The requirements, in the order of the policy's fields.
  package let requirements: [Requirement]

  /// - Parameters:
  ///   - path: the bundle.
  ///   - keys: the public keys of signers; those of the policy are added.
  ///   - sidecar: the file with the file's signature; nil for none.
  ///   - audit: the full check of the opened bundle.
  /// - Throws: `inputMissing` where a file is missing.
  package init(
    _ path: String, keys: [VerifyingKey], policy: VerificationPolicy?, sidecar: String?,
    audit: (ModelBundle) throws(Failure) -> [Problem] = { $0.check(.full) }
  ) throws(Failure) {
    let all = keys + (policy?.keys ?? [])
    file = try sidecar.map { (sidecar) throws(Failure) in
      try Self.outcome(path, sidecar: sidecar, keys: all)
    }
    let opened: ModelBundle
    do throws(Failure) {
      opened = try ModelBundle(path: path)
    } catch {
      guard error.kind == .invalidData else { throw error }
      (bundle, trees, requirements) = (nil, [], [])
      problems = [Problem(at: error.place ?? "file", error.finding)]
      return
    }
    bundle = opened
    problems = try audit(opened).filter { $0.severity == .error }
    trees = opened.verifySignatures(keys: all)
    requirements = Self.requirements(
      opened, trees, file, hasKeys: !keys.isEmpty, policy, isSound: problems.isEmpty)
  }

  private static func outcome(
    _ path: String, sidecar: String, keys: [VerifyingKey]
  ) throws(Failure) -> FileSignature.Outcome {
    do throws(Failure) {
      return try FileSignature(path: sidecar).verify(path, keys: keys)
    } catch {
      guard error.kind == .invalidData else { throw error }
      return .invalid((error.place.map { $0 + ": " } ?? "") + error.finding)
    }
  }

  /// The overall result.
  package var verdict: Verdict {
    if !problems.isEmpty || trees.contains(where: { $0.status == .invalid }) { return .invalid }
    if case .invalid = file { return .invalid }
    return requirements.allSatisfy { $0.miss == nil } ? .verified : .notMet
  }

  /// The reasons for which the bundle isn't verified, one clause each, the gravest first.
  package var findings: [String] {
    var findings = problems.map(\.description)
    for signature in trees.flatMap(\.signatures) {
      guard let finding = signature.finding else { continue }
      let label = "signature \"\(signature.name)\""
      if !problems.contains(where: { $0.place == label }) {
        findings.append("\(label): \(finding)")
      }
    }
    if case .invalid(let finding) = file { findings.append("the file's signature: \(finding)") }
    return findings + requirements.compactMap { rule in rule.miss.map { "\(rule.rule): \($0)" } }
  }
}
