import Synchronization

/// Decoded sections that are still in use, by their offset in the file: a section in use isn't
/// decoded twice, and one no longer used doesn't stay in memory.
final class DecodedSections: Sendable {
  private struct Known { weak var decoded: DecodedBytes? }
  private let known = Mutex<[Int: Known]>([:])

  subscript(offset: Int) -> DecodedBytes? {
    known.withLock { $0[offset]?.decoded }
  }

  func keep(_ decoded: DecodedBytes, at offset: Int) {
    known.withLock { $0[offset] = Known(decoded: decoded) }
  }
}
