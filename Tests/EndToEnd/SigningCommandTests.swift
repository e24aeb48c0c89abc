import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack sign` and `ctpack verify` as a pipeline runs them: output, exit statuses, edits between.
@Suite struct SigningCommandTests {
  let folder: TemporaryFolder
  var ctpack: Program { Program(folder: folder) }

  init() throws {
    folder = try TemporaryFolder()
    for (name, text) in [
      ("key.pem", SampleKeys.signer), ("pub.pem", SampleKeys.signerPublic),
      ("other.pem", SampleKeys.other), ("other.pub.pem", SampleKeys.otherPublic),
      ("ed.pem", SampleKeys.edwards), ("ed.pub.pem", SampleKeys.edwardsPublic),
      ("rsa.pem", SampleKeys.rsa),
    ] { try folder.write(name, text) }
    try BuiltBundle.write("a.ctpack", to: folder)
  }

  /// The verdicts on weights, prompts and evidence.
  private func statuses(_ result: Program.Result) -> [String?] {
    (result.json["trees"]?.array ?? []).map { $0["status"]?.string }
  }

  private func verify(_ name: String, _ options: String...) throws -> Program.Result {
    try ctpack.run(["verify", name, "--key", "pub.pem", "--json"] + options)
  }

  private func sign(_ options: String...) throws {
    let result = try ctpack.run(["sign", "a.ctpack", "--key", "key.pem"] + options)
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test func signAndVerify() throws {
    let before = try ctpack("inspect", "a.ctpack", "--json").json
    #expect(
      before["signatures"]?.array?.map { $0["status"]?.string } == [
        "unsigned", "unsigned", "unsigned",
      ])
    #expect(try verify("a.ctpack").status == 1)
    let signed = try ctpack(
      "sign", "a.ctpack", "--key", "key.pem", "--time", "2026-01-31T12:00:00Z", "--json")
    #expect(signed.status == 0, "\(signed.errors)")
    #expect(signed.json["signed"]?.array?.map(\.string) == ["weights", "prompts", "evidence"])

    let good = try verify("a.ctpack")
    #expect(good.status == 0, "\(good.errors)")
    #expect(good.json["verified"]?.bool == true)
    #expect(statuses(good) == ["valid", "valid", "valid"])
    let wrong = try ctpack("verify", "a.ctpack", "--key", "other.pub.pem", "--json")
    #expect(wrong.status == 1 && wrong.json["verified"]?.bool == false)
    #expect(statuses(wrong) == ["unknown signer", "unknown signer", "unknown signer"])
    #expect(try ctpack("verify", "a.ctpack").status == 1)
    let either = try ctpack("verify", "a.ctpack", "--key", "other.pub.pem", "--key", "pub.pem")
    #expect(either.status == 0, "\(either.errors)")

    let page = try ctpack("inspect", "a.ctpack", "--verify", "full")
    #expect(page.status == 0 && page.output.contains("Signatures"), "\(page.errors)")
    #expect(page.output.contains("not checked") && page.output.contains("2026-01-31T12:00:00Z"))
    let after = try ctpack("inspect", "a.ctpack", "--json").json
    #expect(after["digest"] == before["digest"])
  }

  /// The form of storage ends no signature inside, and every one of the file.
  @Test func storageEndsFileSignaturesAlone() throws {
    try sign("--sidecar", "a.sig")
    #expect(try verify("a.ctpack", "--sidecar", "a.sig").status == 0)
    for command in [
      ["compact", "a.ctpack", "--out", "b.ctpack"],
      ["recode", "a.ctpack", "c.ctpack", "--storage", "coded"],
    ] {
      #expect(try ctpack.run(command).status == 0)
      let name = command.first { $0 == "b.ctpack" || $0 == "c.ctpack" } ?? ""
      #expect(try verify(name).status == 0, "\(name)")
      let file = try verify(name, "--sidecar", "a.sig")
      #expect(file.status == 65 && file.json["file_signature"]?["status"]?.string == "invalid")
      #expect(try ctpack("diff", "a.ctpack", name).status == 0)
    }
  }

  /// A transferred prompt leaves the weights' signature valid and is unsigned until it is signed.
  @Test func aTransferredPromptIsUnsigned() throws {
    try BuiltBundle.write("source.ctpack", to: folder)
    try sign()
    let transfer = try ctpack(
      "transfer", "source.ctpack", "a.ctpack", "--prompt", "default", "--as", "second",
      "--allow-unvalidated")
    #expect(transfer.status == 0, "\(transfer.errors)")
    let edited = try verify("a.ctpack")
    #expect(edited.status == 1)
    #expect(statuses(edited) == ["valid", "unsigned", "valid"])
    #expect(try ctpack("inspect", "a.ctpack").output.contains("UNSIGNED"))
    try sign("--tree", "prompts")
    #expect(try verify("a.ctpack").status == 0)
    // The evidence was measured with the prompt that goes now.
    #expect(try ctpack("prompt", "remove", "a.ctpack", "default").status == 0)
    #expect(try statuses(verify("a.ctpack")) == ["valid", "unsigned", "unsigned"])
  }

  @Test func aPolicyDecides() throws {
    try sign()
    func status(_ policy: String) throws -> Program.Result {
      try folder.write("policy.yaml", policy)
      return try ctpack("verify", "a.ctpack", "--policy", "policy.yaml", "--json")
    }
    let good = try status(
      """
      signers: {weights: pub.pem, prompts: pub.pem, evidence: pub.pem}
      evidence: [{text: held-out, protocol: ctp-32, prompt: default}]
      gate: {max_ratio_to_full: 100}
      minimum_format_version: 1.0
      """)
    #expect(good.status == 0, "\(good.errors)")
    #expect(good.json["requirements"]?.array?.allSatisfy { $0["met"]?.bool == true } == true)
    for missed in [
      "signers: {weights: other.pub.pem}", "evidence: [{text: elsewhere}]", "gate: {max_ppl: 1}",
      "minimum_format_version: 9.0", "digest: \(SHA256Digest(hashing: [1]).hex)",
    ] {
      let result = try status(missed)
      #expect(result.status == 1 && result.json["verdict"]?.string == "not met", "\(missed)")
    }
    let unknown = try status("no_events: true\nsigner: pub.pem\n")
    #expect(unknown.status == 65 && unknown.errors.contains("line 2"), "\(unknown.errors)")
    #expect(try ctpack("verify", "a.ctpack", "--policy", "none.yaml").status == 66)
  }

  @Test func damageAndForgeryAre65() throws {
    try sign()
    // A copy with right hashes and without one of its measurements.
    let bundle = try ModelBundle(path: folder.file("a.ctpack"))
    var writer = BundleWriter(path: folder.file("forged.ctpack"))
    for section in bundle.sections {
      if section.type == .evidence {
        writer.add(.evidence(Array(try bundle.evidence.dropLast())))
      } else {
        try writer.add(copying: section, from: bundle)
      }
    }
    try writer.finish()
    let forged = try verify("forged.ctpack")
    #expect(forged.status == 65 && statuses(forged) == ["valid", "valid", "invalid"])
    let shown = try ctpack("inspect", "forged.ctpack", "--verify", "none")
    #expect(shown.status == 0 && shown.output.contains("INVALID"))
    #expect(try ctpack("inspect", "forged.ctpack", "--verify", "full").status == 65)
    try folder.write("damaged.ctpack", Array(try folder.read("a.ctpack").dropLast()))
    let damaged = try verify("damaged.ctpack")
    #expect(damaged.status == 65 && damaged.json["verdict"]?.string == "invalid")
    #expect(try ctpack("sign", "damaged.ctpack", "--key", "key.pem").status == 65)
    // Another signer may vouch for what is there now.
    #expect(try ctpack("sign", "forged.ctpack", "--key", "other.pem").status == 0)
    #expect(try ctpack("verify", "forged.ctpack", "--key", "other.pub.pem").status == 0)
  }

  /// Mistakes in keys and options, which leave the bundle as it is.
  @Test func mistakesAreNamed() throws {
    let before = try folder.read("a.ctpack")
    for (arguments, status, word) in [
      (["sign", "a.ctpack", "--key", "pub.pem"], 64, "public key"),
      (["sign", "a.ctpack", "--key", "rsa.pem"], 64, "RSA"),
      (["sign", "a.ctpack", "--key", "none.pem"], 66, "none.pem"),
      (["sign", "a.ctpack", "--key", "source.txt"], 65, "PEM"),
      (["sign", "a.ctpack", "--key", "ed.pem", "--sidecar", "a.sig"], 64, "Ed25519"),
      (["sign", "a.ctpack", "--key", "key.pem", "--tree", "none"], 64, "--sidecar"),
      (["sign", "a.ctpack", "--key", "key.pem", "--time", "today"], 64, "--time"),
      (["sign", "a.ctpack", "--key", "key.pem", "--sidecar", "a.ctpack"], 64, "itself"),
      (["sign", "a.ctpack", "--key", "key.pem", "--sidecar", "key.pem"], 64, "itself"),
      (["verify", "a.ctpack", "--key", "key.pem"], 64, "private key"),
      (["verify", "a.ctpack", "--key", "pub.pem", "--sidecar", "none.sig"], 66, "none.sig"),
    ] as [([String], Int32, String)] {
      try folder.write("source.txt", "no key")
      let result = try ctpack.run(arguments)
      #expect(result.status == status && result.errors.contains(word), "\(arguments): \(result)")
    }
    #expect(try folder.read("a.ctpack") == before)
    #expect(!FileManager.default.fileExists(atPath: folder.file("a.sig")))
  }

  @Test func edwardsKeysSignInside() throws {
    #expect(try ctpack("sign", "a.ctpack", "--key", "ed.pem").status == 0)
    let once = try folder.read("a.ctpack")
    #expect(try ctpack("verify", "a.ctpack", "--key", "ed.pub.pem").status == 0)
    // Ed25519 is deterministic: the same bundle signed again is the same file.
    try BuiltBundle.write("a.ctpack", to: folder)
    #expect(try ctpack("sign", "a.ctpack", "--key", "ed.pem").status == 0)
    #expect(try folder.read("a.ctpack") == once)
  }
}
