import Bytes

/// A signature of a whole file in a file of its own, in the form of OpenSSF Model Signing 1.0: a
/// Sigstore bundle with a DSSE envelope around an in-toto statement about the file's SHA-256.
///
/// Other programs can check it without knowing bundles. It is about the file's bytes, so that every
/// edit ends it: a transferred prompt, a compacted or recoded copy, and a signature inside the
/// bundle that is added later.
public struct FileSignature: Sendable {
  static let mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
  static let payloadType = "application/vnd.in-toto+json"
  static let statementType = "https://in-toto.io/Statement/v1"
  static let predicateType = "https://model_signing/signature/v1.0"
  /// The largest file in bytes that is read; one about a single file takes about 2,000.
  public static let sizeLimit = 1 << 20

  /// The in-toto statement, JSON in UTF-8.
  let payload: [UInt8]
  /// The ECDSA signature of the pre-authentication encoding, in DER.
  let signature: [UInt8]
  /// SHA-256 of the public key's PEM text, in hexadecimal; nil where older programs gave none.
  let hint: String?

  init(payload: [UInt8], signature: [UInt8], hint: String?) {
    self.payload = payload
    self.signature = signature
    self.hint = hint
  }

  /// The bytes that are signed, DSSE's pre-authentication encoding of the payload.
  static func message(_ payload: [UInt8]) -> [UInt8] {
    Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
  }

  /// The hint of a key.
  static func hint(of key: VerifyingKey) -> String {
    SHA256Digest(hashing: Array(key.pem.utf8)).hex
  }

  /// Signs the file at `path` as it is.
  /// - Throws: `inputMissing`; `usage` for a key that isn't ECDSA.
  public init(signing path: String, with key: SigningKey) throws(Failure) {
    let digest = SHA256Digest(hashing: try MappedFile(path: path).bytes)
    let statement: JSON = [
      "_type": .string(Self.statementType), "predicateType": .string(Self.predicateType),
      "subject": [
        [
          "name": .string(PathNames.last(path)),
          "digest": ["sha256": .string(SHA256Digest(hashing: digest.bytes).hex)],
        ]
      ],
      "predicate": [
        "resources": [
          ["name": ".", "algorithm": "sha256", "digest": .string(digest.hex)]
        ],
        "serialization": [
          "method": "files", "hash_type": "sha256", "allow_symlinks": false,
          "ignore_paths": [".gitattributes", ".gitignore", ".git", ".github"],
        ],
      ],
    ]
    payload = statement.canonicalBytes
    signature = try key.derSignature(of: Self.message(payload))
    hint = Self.hint(of: key.verifyingKey)
  }

  /// The Sigstore bundle as JSON.
  public var json: JSON {
    [
      "mediaType": .string(Self.mediaType),
      "verificationMaterial": [
        "publicKey": hint.map { ["hint": .string($0)] } ?? [:], "tlogEntries": [],
      ],
      "dsseEnvelope": [
        "payload": .string(Base64.encode(payload)), "payloadType": .string(Self.payloadType),
        "signatures": [["sig": .string(Base64.encode(signature)), "keyid": ""]],
      ],
    ]
  }
}
