import Bytes
import Synchronization

/// A digest of a bundle that is computed when it is first asked for, and once: hashing the table for
/// each prompt would take time with the square of the sections.
final class DigestCache: Sendable {
  private let known = Mutex<SHA256Digest?>(nil)

  /// The digest; `compute` is called the first time only.
  func digest(_ compute: () -> SHA256Digest) -> SHA256Digest {
    known.withLock { known in
      if let known { return known }
      let digest = compute()
      known = digest
      return digest
    }
  }
}
