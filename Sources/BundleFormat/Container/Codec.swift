/// The compression of a section: how its stored bytes become its raw bytes. The raw value is the id
/// in the file.
public enum Codec: UInt8, Sendable, CaseIterable {
  /// The stored bytes are the raw bytes.
  case none = 0
  /// One zstd frame that states its content size.
  case zstd = 1
  /// Blocks that are entropy coded independently of each other, so that they decode in parallel.
  case blocks = 2
}
