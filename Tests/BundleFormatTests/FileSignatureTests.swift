import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Signatures of whole files, in the form of OpenSSF Model Signing.
@Suite struct FileSignatureTests {
  static let vector = PythonReader.formats + "/vectors/valid-signed.ctpack"
  static let golden = RealModel.packageRoot + "/Tests/BundleFormatTests/Golden/valid-signed.sig"

  let folder: TemporaryFolder
  let signing: Signing

  init() throws {
    folder = try TemporaryFolder()
    signing = try Signing(folder)
  }

  private func outcome(
    _ json: JSON, _ path: String = vector, keys: [SigningKey]? = nil
  ) throws -> FileSignature.Outcome {
    let file = try folder.write("altered.sig", json.canonicalBytes)
    return try FileSignature(path: file).verify(
      path, keys: (keys ?? [signing.key]).map(\.verifyingKey))
  }

  /// The parts of a signature file, to be altered and put together again.
  private struct Parts {
    var payload: JSON
    var signature: [UInt8]
    var json: JSON

    init(_ path: String) throws {
      json = try JSON(parsing: MappedFile(path: path).bytes)
      let envelope = try #require(json["dsseEnvelope"])
      let payload = try #require(envelope["payload"]?.string)
      self.payload = try JSON(parsing: try #require(Base64.decode(payload.utf8)))
      let text = try #require(envelope["signatures"]?[0]?["sig"]?.string)
      signature = try #require(Base64.decode(text.utf8))
    }

    /// The file with these parts, signed anew by `key` if there is one. `message` makes the bytes
    /// to sign from the payload's type and text.
    mutating func made(
      by key: SigningKey? = nil,
      message: (String, [UInt8]) -> [UInt8] = { type, payload in
        Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
      }
    ) throws -> JSON {
      let bytes = payload.canonicalBytes
      if let key {
        signature = try key.derSignature(of: message("application/vnd.in-toto+json", bytes))
      }
      var object = try #require(json.object)
      object["dsseEnvelope"] = [
        "payload": .string(Base64.encode(bytes)), "payloadType": "application/vnd.in-toto+json",
        "signatures": [["sig": .string(Base64.encode(signature)), "keyid": ""]],
      ]
      return .object(object)
    }
  }

  /// Made by model_signing with Golden/make_file_signature.py.
  @Test func thePeersSignatureIsValid() throws {
    let signature = try FileSignature(path: Self.golden)
    let keys = [signing.other, signing.edwards, signing.key].map(\.verifyingKey)
    #expect(
      try signature.verify(Self.vector, keys: keys) == .valid(signing.key.verifyingKey.id))
    #expect(try signature.verify(Self.vector, keys: [keys[0], keys[1]]) == .unknownSigner)
    #expect(try signature.verify(Self.vector, keys: []) == .unknownSigner)
  }

  /// The payload with its list of ignored paths in order. The peer writes a Python set's, which
  /// differs from run to run.
  private func sorted(_ payload: JSON) throws -> JSON {
    var statement = try #require(payload.object)
    var predicate = try #require(statement["predicate"]?.object)
    var serialization = try #require(predicate["serialization"]?.object)
    let paths = try #require(serialization["ignore_paths"]?.array).compactMap(\.string)
    serialization["ignore_paths"] = .array(paths.sorted().map { .string($0) })
    predicate["serialization"] = .object(serialization)
    statement["predicate"] = .object(predicate)
    return .object(statement)
  }

  /// Ours says the same, member by member; only the order of the payload's text differs.
  @Test func ourPayloadIsThePeers() throws {
    let ours = try FileSignature(signing: Self.vector, with: signing.key).json
    let file = try folder.write("ours.sig", ours.canonicalBytes)
    let (a, b) = (try Parts(file), try Parts(Self.golden))
    #expect(try sorted(a.payload) == sorted(b.payload))
    #expect(a.json["mediaType"] == b.json["mediaType"])
    #expect(a.json["verificationMaterial"] == b.json["verificationMaterial"])
    #expect(try outcome(ours) == .valid(signing.key.verifyingKey.id))
  }

  /// Every edit of the file ends it: compacting, recoding, a prompt, another signature inside.
  @Test func everyEditEndsIt() throws {
    let path = folder.file("a.ctpack")
    for edit in 0..<5 {
      try Samples.write(path)
      // An edit leaves a second generation, so that compacting changes bytes.
      try BundleSigner.sign(path, trees: [.weights], with: signing.key)
      let signature = try FileSignature(signing: path, with: signing.key)
      let keys = [signing.key.verifyingKey]
      #expect(try signature.verify(path, keys: keys) == .valid(keys[0].id))
      let weights = try ModelBundle(path: path).weightsDigest
      switch edit {
      case 0: try BundleEditor.compact(path, to: path)
      case 1:
        try BundleEditor.recode(path, to: folder.file("b"), storage: .coded)
        try folder.write("a.ctpack", try folder.read("b"))
      case 2:
        try BundleEditor.append(
          to: path, sections: [.adapter(Samples.prompt("x", weights: weights))])
      case 3: try BundleSigner.sign(path, trees: [.prompts], with: signing.key)
      default:
        var bytes = try folder.read("a.ctpack")
        bytes.append(0)
        try folder.write("a.ctpack", bytes)
      }
      guard case .invalid(let finding) = try signature.verify(path, keys: keys) else {
        Issue.record("edit \(edit) isn't noticed")
        continue
      }
      #expect(finding.contains("SHA-256"))
      #expect(try signing.status(path)[.weights] == .valid, "the weights' signature stays")
    }
  }

  /// A wrong length, another version and another type in the bytes that are signed.
  @Test func theEncodingIsChecked() throws {
    let wrong: [(String, [UInt8]) -> [UInt8]] = [
      { type, payload in
        Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count + 1) ".utf8) + payload
      },
      { type, payload in
        Array("DSSEv1 \(type.utf8.count - 1) \(type) \(payload.count) ".utf8) + payload
      },
      { type, payload in
        Array("DSSEv2 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
      },
      { type, payload in Array("DSSEv1 4 text \(payload.count) ".utf8) + payload },
      { _, payload in payload },
    ]
    for message in wrong {
      var parts = try Parts(Self.golden)
      let made = try parts.made(by: signing.key, message: message)
      #expect(try outcome(made) == .invalid("no given key has signed it"))
    }
    var parts = try Parts(Self.golden)
    #expect(
      try outcome(parts.made(by: signing.key)) == .valid(signing.key.verifyingKey.id),
      "the same file with the right encoding")
  }

  /// Statements that a signer might make, but not about this file.
  @Test func theStatementIsChecked() throws {
    let digest = Samples.digest("x").hex
    typealias Change = (inout JSONObject, inout JSONObject, inout JSONObject) -> Void
    let changes: [Change] = [
      { statement, _, _ in statement["_type"] = "https://in-toto.io/Statement/v0.1" },
      { statement, _, _ in statement["predicateType"] = "https://slsa.dev/provenance/v1" },
      { statement, _, _ in statement["subject"] = [] },
      { statement, _, _ in
        statement["subject"] = [["name": "x", "digest": ["sha256": .string(digest)]]]
      },
      { _, predicate, _ in predicate["resources"] = [] },
      { _, predicate, resource in
        predicate["resources"] = [.object(resource), .object(resource)]
      },
      { _, predicate, _ in predicate["serialization"] = ["method": "shards"] },
      { _, _, resource in resource["name"] = "a.bin" },
      { _, _, resource in resource["algorithm"] = "blake2b" },
      { _, _, resource in resource["digest"] = .string(digest) },
      { _, _, resource in resource["digest"] = nil },
    ]
    for (index, change) in changes.enumerated() {
      var parts = try Parts(Self.golden)
      var statement = try #require(parts.payload.object)
      var predicate = try #require(statement["predicate"]?.object)
      var resource = try #require(predicate["resources"]?[0]?.object)
      let whole = predicate["resources"]
      change(&statement, &predicate, &resource)
      if predicate["resources"] == whole { predicate["resources"] = [.object(resource)] }
      statement["predicate"] = .object(predicate)
      parts.payload = .object(statement)
      guard case .invalid = try outcome(parts.made(by: signing.key)) else {
        Issue.record("change \(index) isn't noticed")
        continue
      }
    }
  }

  @Test func everyTruncationIsFound() throws {
    let bytes = try MappedFile(path: Self.golden).bytes.array
    for count in 0..<bytes.count {
      let file = try folder.write("cut.sig", Array(bytes.prefix(count)))
      let failure = #expect(throws: Failure.self) { try FileSignature(path: file) }
      #expect(failure?.kind == .invalidData && failure?.file == file, "\(count) bytes")
    }
  }

  @Test func otherFilesAreNoSignatures() throws {
    let good = try JSON(parsing: MappedFile(path: Self.golden).bytes)
    let changes: [(inout JSONObject) -> Void] = [
      { $0["mediaType"] = "application/json" },
      { $0["verificationMaterial"] = ["certificate": [:], "tlogEntries": []] },
      { $0["dsseEnvelope"] = nil },
      { object in
        var envelope = object["dsseEnvelope"]?.object ?? [:]
        envelope["signatures"] = .array(Array(repeating: envelope["signatures"]![0]!, count: 2))
        object["dsseEnvelope"] = .object(envelope)
      },
      { object in
        var envelope = object["dsseEnvelope"]?.object ?? [:]
        envelope["payloadType"] = "text/plain"
        object["dsseEnvelope"] = .object(envelope)
      },
    ]
    for change in changes {
      var object = try #require(good.object)
      change(&object)
      let failure = #expect(throws: Failure.self) { try outcome(.object(object)) }
      #expect(failure?.kind == .invalidData)
    }
  }

  /// The hint isn't signed: a wrong one makes the signer unknown, a missing one is tried with all.
  @Test func theHintDecidesNothing() throws {
    for (hint, expected) in [
      (Samples.digest("x").hex, FileSignature.Outcome.unknownSigner),
      (nil, .valid(signing.key.verifyingKey.id)),
    ] {
      var parts = try Parts(Self.golden)
      var object = try #require(parts.json.object)
      object["verificationMaterial"] = [
        "publicKey": hint.map { ["hint": .string($0)] } ?? [:], "tlogEntries": [],
      ]
      parts.json = .object(object)
      let made = try parts.made(by: signing.key)
      #expect(try outcome(made, keys: [signing.other, signing.key]) == expected)
    }
    var forged = try Parts(Self.golden)
    let made = try forged.made(by: signing.other)
    #expect(try outcome(made) == .invalid("no given key has signed it"))
    #expect(try outcome(made, keys: [signing.other]) == .unknownSigner)
  }

  @Test func edwardsKeysSignNoFiles() throws {
    let failure = #expect(throws: Failure.self) {
      try FileSignature(signing: Self.vector, with: signing.edwards)
    }
    #expect(failure?.kind == .usage)
  }
}

/// PyPI's model_signing on our signatures, where it is installed.
@Suite(
  .enabled(if: ModelSigningPeer.program != nil, Comment(rawValue: ModelSigningPeer.skipReason)))
struct FileSignaturePeerTests {
  @Test(arguments: ["valid-signed", "valid-basic", "valid-empty"])
  func thePeerAcceptsOurSignatures(vector: String) throws {
    let folder = try TemporaryFolder()
    let signing = try Signing(folder)
    let path = try folder.write(
      "model.ctpack",
      MappedFile(path: PythonReader.formats + "/vectors/\(vector).ctpack").bytes.array)
    let pem = try folder.write("pub.pem", SampleKeys.signerPublic)
    let sidecar = try folder.write(
      "model.sig", FileSignature(signing: path, with: signing.key).json.canonicalBytes)
    let good = try ModelSigningPeer.verify(path, sidecar, pem)
    #expect(good.status == 0, "\(good.output)")
    // It can fail: another key, and another file.
    let other = try folder.write("other.pem", SampleKeys.otherPublic)
    #expect(try ModelSigningPeer.verify(path, sidecar, other).status != 0)
    try folder.write("model.ctpack", try folder.read("model.ctpack") + [0])
    #expect(try ModelSigningPeer.verify(path, sidecar, pem).status != 0)
  }

  @Test func weAcceptThePeersSignatures() throws {
    let folder = try TemporaryFolder()
    let signing = try Signing(folder)
    let secret = try folder.write("key.pem", SampleKeys.signer)
    for number in 0..<4 {
      let sidecar = folder.file("\(number).sig")
      let result = try ModelSigningPeer.run(
        ["sign", "key", FileSignatureTests.vector, "--private_key", secret, "--signature", sidecar])
      #expect(result.status == 0, "\(result.output)")
      #expect(
        try FileSignature(path: sidecar).verify(
          FileSignatureTests.vector, keys: [signing.key.verifyingKey])
          == .valid(signing.key.verifyingKey.id))
    }
  }
}

/// The program `model_signing` of PyPI's model-signing.
enum ModelSigningPeer {
  static let skipReason =
    "model_signing isn't there, so that the peer can't check our file signatures: `make signing-peer`"
    + " installs it for `make test`; elsewhere, put it on the PATH or name it in CTPACK_MODEL_SIGNING"

  static let program: String? = {
    let environment = ProcessInfo.processInfo.environment
    if let named = environment["CTPACK_MODEL_SIGNING"] { return named }
    return (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/model_signing" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }()

  static func verify(
    _ path: String, _ sidecar: String, _ key: String
  ) throws -> (status: Int32, output: String) {
    try run(["verify", "key", path, "--public_key", key, "--signature", sidecar])
  }

  static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program ?? "/nonexistent")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}
