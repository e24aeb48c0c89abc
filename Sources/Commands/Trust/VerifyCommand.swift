import ArgumentParser
import BundleFormat
import Bytes
import Pipeline

/// The command `ctpack verify`.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check a bundle, its signatures and a policy before it is used.",
    discussion: """
      Checks the bundle in full (as `ctpack inspect --verify full` does), then its signatures with the \
      given public keys, then the policy. Without a policy that names signers, every part of the \
      bundle that has content (weights, prompts, evidence) must be signed by one of the keys; with \
      --sidecar, the signature of the whole file takes their place.

      Exit status 0: verified; 1: sound, but unsigned, signed by another key, or against the policy; \
      64: a key that can't be used; 65: damaged, or an invalid signature; 66: a file is missing. \
      Without --key and without --policy nothing is vouched for, so the status is 1 at best.

      A policy is a YAML file with at least one of these fields; an unknown field is an error:

      \(Self.fields)
      """)

  /// The policy's fields, one per line.
  private static let fields = VerificationPolicy.fields
    .descriptions(of: VerificationPolicy()).flatMap(\.flattened).map { field in
      let values = [field.type, field.range].compactMap { $0 }.joined(separator: ": ")
      return "  \(field.name): \(field.meaning) (\(values); default: \(field.fallback))"
    }.joined(separator: "\n")

  @Argument(help: "The bundle.") var bundle: String
  @Option(
    help: ArgumentHelp(
      "A signer's public key, PEM (\"PUBLIC KEY\"); repeat it for several.", valueName: "file"))
  var key: [String] = []
  @Option(help: ArgumentHelp("A policy, YAML.", valueName: "file")) var policy: String?
  @Option(
    help: ArgumentHelp(
      "A signature of the whole file, in the form of OpenSSF Model Signing.", valueName: "file"))
  var sidecar: String?
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions

  func run() throws {
    threads.limit()
    var keys: [VerifyingKey] = []
    for path in key { keys.append(try VerifyingKey(path: path)) }
    let policy = try policy.map { (path) throws(Failure) in try VerificationPolicy(path: path) }
    let result = try BundleVerification(
      bundle, keys: keys, policy: policy, sidecar: sidecar
    ) { $0.checkForUse(.full) }
    if json {
      try Output.print(result.json(bundle))
    } else {
      try Output.print(result.page(bundle))
    }
    let findings = result.findings
    let more = findings.count > 1 ? " (and \(findings.count - 1) more)" : ""
    switch result.verdict {
    case .verified: return
    case .notMet:
      throw Failure(
        .notMet, file: bundle, "not verified: " + (findings.first ?? "a requirement") + more)
    case .invalid:
      throw Failure(
        .invalidData, file: bundle, (findings.first ?? "a signature is invalid") + more)
    }
  }
}

extension BundleVerification {
  /// The lines of the page of `ctpack verify`.
  fileprivate func page(_ path: String) -> [String] {
    var lines = [path + (bundle.map { ": content digest \($0.canonicalDigest.hex)" } ?? "")]
    lines.append(
      problems.isEmpty ? "  full check: no fault" : "  full check: \(problems.count) faults")
    if !trees.isEmpty { lines += Output.table(trees.map(\.row)) }
    switch file {
    case .valid(let key): lines.append("  file signature: valid, key \(key.hex.prefix(16))…")
    case .unknownSigner: lines.append("  file signature: by a key that wasn't given")
    case .invalid(let finding): lines.append("  file signature: INVALID: \(finding)")
    case nil: break
    }
    for rule in requirements {
      lines.append("  \(rule.miss == nil ? "met" : "NOT MET"): \(rule.rule)" + Self.reason(rule))
    }
    for problem in problems { lines.append("  ERROR: \(problem)") }
    lines.append("Verdict: \(verdict.rawValue)")
    return lines
  }

  private static func reason(_ rule: Requirement) -> String { rule.miss.map { ": \($0)" } ?? "" }

  fileprivate func json(_ path: String) -> JSON {
    var object: JSONObject = [
      "bundle": .string(path), "verified": .bool(verdict == .verified),
      "verdict": .string(verdict.rawValue), "format_version": .null, "digest": .null,
      "trees": .array(trees.map(\.json)), "file_signature": fileJSON,
      "requirements": .array(requirements.map(\.json)),
      "problems": .array(problems.map(\.json)), "findings": JSON(findings),
    ]
    if let bundle {
      object["format_version"] = .string(bundle.formatVersion)
      object["digest"] = .string(bundle.canonicalDigest.hex)
    }
    return .object(object)
  }

  private var fileJSON: JSON {
    switch file {
    case .valid(let key): ["status": "valid", "key": .string(key.hex), "finding": .null]
    case .unknownSigner: ["status": "unknown signer", "key": .null, "finding": .null]
    case .invalid(let finding): ["status": "invalid", "key": .null, "finding": .string(finding)]
    case nil: .null
    }
  }
}

extension BundleVerification.Requirement {
  fileprivate var json: JSON {
    [
      "rule": .string(rule), "met": .bool(miss == nil),
      "finding": miss.map { .string($0) } ?? .null,
    ]
  }
}
