import BundleFormat
import Bytes

/// The rules that a bundle must meet before it is used: signers, evidence, limits, digest. Read from
/// a YAML file, in which a key that isn't known is an error: a misspelt rule would never be applied.
package struct VerificationPolicy: Sendable {
  /// A key whose signature is required.
  package enum Signer: Sendable, Equatable {
    /// A public key in a file.
    case key(VerifyingKey, file: String)
    /// A key's id; the key itself comes with the call.
    case id(SHA256Digest)

    /// The key's id.
    package var id: SHA256Digest {
      switch self {
      case .key(let key, _): key.id
      case .id(let id): id
      }
    }

    /// The key as the policy names it.
    package var label: String {
      switch self {
      case .key(_, let file): file
      case .id(let id): "key \(id.hex.prefix(16))…"
      }
    }
  }

  /// A measurement that must be there.
  package struct Measurement: Sendable, Equatable {
    /// The text's name.
    package var text = ""
    /// The evaluation protocol; nil for any.
    package var `protocol`: String?
    /// SHA-256 of the text; nil for any.
    package var textDigest: String?
    /// The prompt that it was measured with, or "none" for none; nil for any.
    package var prompt: String?
  }

  /// The keys that must have signed a tree, every one of them.
  package var signers: [ContentTree: [Signer]] = [:]
  /// The measurements of these very weights that must be there.
  package var evidence: [Measurement] = []
  /// Limits of the measured numbers.
  package var gate = GateRecipe()
  /// Whether numerical events are forbidden.
  package var noEvents = false
  /// The least version of the format, such as "1.0"; nil for any.
  package var minimumFormatVersion: String?
  /// The content digest in hexadecimal; nil for any.
  package var digest: String?

  /// A policy without rules.
  package init() {}

  /// Whether there is no rule.
  var isEmpty: Bool {
    signers.isEmpty && evidence.isEmpty && gate.isEmpty && !noEvents && minimumFormatVersion == nil
      && digest == nil
  }

  /// The public keys that the policy names by file.
  package var keys: [VerifyingKey] {
    ContentTree.allCases.flatMap { signers[$0] ?? [] }.compactMap { signer in
      if case .key(let key, _) = signer { key } else { nil }
    }
  }
}
