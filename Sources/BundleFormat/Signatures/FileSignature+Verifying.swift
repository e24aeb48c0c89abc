import Bytes

extension FileSignature {
  /// The outcome of checking a file's signature.
  public enum Outcome: Sendable, Equatable {
    /// The key with this id has signed the file as it is.
    case valid(SHA256Digest)
    /// The key isn't among the given ones.
    case unknownSigner
    /// The key didn't sign it, or it is about other bytes; why, as a clause.
    case invalid(String)
  }

  /// Reads the signature file at `path`.
  /// - Throws: `inputMissing`; `invalidData` naming the member that isn't as the form requires.
  public init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    guard file.bytes.count <= Self.sizeLimit else {
      throw Failure(
        .invalidData, file: path, "is \(file.bytes.count) bytes long, too large for a signature")
    }
    do throws(Failure) {
      try self.init(json: JSON(parsing: file.bytes))
    } catch { throw error.located(file: path) }
  }

  init(json: JSON) throws(Failure) {
    func expect(_ json: JSON, _ key: String, _ value: String) throws(Failure) {
      let found = try json.required(key, as: String.self)
      guard found == value else {
        throw Failure(.invalidData, at: "key \"\(key)\"", "expected \"\(value)\"")
      }
    }
    func bytes(_ json: JSON, _ key: String) throws(Failure) -> [UInt8] {
      guard let bytes = Base64.decode(try json.required(key, as: String.self).utf8) else {
        throw Failure(.invalidData, at: "key \"\(key)\"", "isn't base64")
      }
      return bytes
    }
    try expect(json, "mediaType", Self.mediaType)
    let material = try json.required("verificationMaterial")
    guard let key = material["publicKey"], key.object != nil else {
      throw Failure(
        .invalidData, at: "key \"verificationMaterial\"",
        "names no public key: certificates are not checked")
    }
    let hint = key["hint"] == nil ? "" : try key.required("hint", as: String.self)
    let envelope = try json.required("dsseEnvelope")
    try expect(envelope, "payloadType", Self.payloadType)
    let signatures = try envelope.required("signatures", as: [JSON].self)
    guard signatures.count == 1 else {
      throw Failure(
        .invalidData, at: "key \"signatures\"", "\(signatures.count) signatures, not one")
    }
    self.init(
      payload: try bytes(envelope, "payload"), signature: try bytes(signatures[0], "sig"),
      hint: hint.isEmpty ? nil : hint)
  }

  /// The outcome of checking the signature of the file at `path` with `keys`.
  /// - Throws: `inputMissing` where the file can't be read.
  public func verify(
    _ path: String, keys: [VerifyingKey]
  ) throws(Failure) -> Outcome {
    let candidates = keys.filter {
      $0.algorithm == .ecdsaP256 && (hint == nil || hint == Self.hint(of: $0))
    }
    if candidates.isEmpty { return .unknownSigner }
    let message = Self.message(payload)
    guard let key = candidates.first(where: { $0.accepts(der: signature, for: message) }) else {
      return .invalid("no given key has signed it")
    }
    let signed: SHA256Digest
    do throws(Failure) {
      signed = try signedDigest()
    } catch {
      return .invalid((error.place.map { $0 + ": " } ?? "") + error.finding)
    }
    let found = SHA256Digest(hashing: try MappedFile(path: path).bytes)
    return found == signed
      ? .valid(key.id)
      : .invalid("it signs a file with the SHA-256 \(signed.hex); this one's is \(found.hex)")
  }

  /// The SHA-256 of the one file that the statement is about.
  private func signedDigest() throws(Failure) -> SHA256Digest {
    func expect(_ condition: Bool, _ key: String, _ finding: String) throws(Failure) {
      if !condition { throw Failure(.invalidData, at: "key \"\(key)\"", finding) }
    }
    let statement = try JSON(parsing: payload)
    try expect(statement["_type"]?.string == Self.statementType, "_type", "is no in-toto statement")
    try expect(
      statement["predicateType"]?.string == Self.predicateType, "predicateType",
      "is no model signature")
    let predicate = try statement.required("predicate")
    let serialization = try predicate.required("serialization")
    try expect(
      serialization["method"]?.string == "files" && serialization["hash_type"]?.string == "sha256",
      "serialization", "files by SHA-256 are understood, nothing else")
    let resources = try predicate.required("resources", as: [JSON].self)
    try expect(
      resources.count == 1 && resources[0]["name"]?.string == ".", "resources",
      "it is about a folder of files, not about one")
    try expect(resources[0]["algorithm"]?.string == "sha256", "algorithm", "expected \"sha256\"")
    guard let digest = try resources[0].digest("digest") else {
      throw Failure(.invalidData, at: "key \"digest\"", "is missing")
    }
    let subjects = try statement.required("subject", as: [JSON].self)
    try expect(
      subjects.count == 1
        && subjects[0]["digest"]?["sha256"]?.string == SHA256Digest(hashing: digest.bytes).hex,
      "subject", "its digest isn't that of the resources")
    return digest
  }
}
