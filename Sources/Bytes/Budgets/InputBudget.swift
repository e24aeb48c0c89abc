/// The memory in bytes that the values read from one untrusted input may take: a small multiple of
/// its size and a constant.
///
/// Formats can describe far more than they store: aliases, compression, long lists of one-byte
/// values. Every reader that builds values takes their size from the budget first, so that the
/// memory of reading n bytes is bounded before anything is allocated (Formats/container.md,
/// "Limits").
public struct InputBudget: Sendable {
  /// Bytes that any input may take, however small.
  public static let base = 32 << 20
  /// Bytes of memory per byte of an uncompressed text.
  public static let textFactor = 16
  /// Bytes of memory per stored byte of a compressed document, its decoded text included.
  public static let compressedFactor = 32

  /// The most bytes that may be taken.
  public let limit: Int
  /// The bytes taken so far.
  public private(set) var used = 0
  /// The rule that `limit` follows from, for errors.
  private let rule: String

  /// A budget of `factor` bytes for each of the input's `bytes`, and `base` bytes more.
  public init(bytes: Int, factor: Int, base: Int = InputBudget.base) {
    let (product, overflowed) = max(0, bytes).multipliedReportingOverflow(by: factor)
    let (sum, tooLarge) = product.addingReportingOverflow(base)
    limit = overflowed || tooLarge ? .max : sum
    rule = "\(factor) per byte of it and \(base >> 20) MiB"
  }

  /// The budget of an uncompressed text of `bytes` bytes.
  public init(text bytes: Int) { self.init(bytes: bytes, factor: Self.textFactor) }

  /// The budget of a document of which `bytes` compressed bytes are stored.
  public init(compressed bytes: Int) { self.init(bytes: bytes, factor: Self.compressedFactor) }

  /// Takes `bytes` bytes, at least 0.
  ///
  /// - Throws: `invalidData` with the limit if less is left; the caller adds the file.
  @inline(__always)
  public mutating func take(_ bytes: Int) throws(Failure) {
    guard bytes <= limit - used else { throw exceeded }
    used += bytes
  }

  private var exceeded: Failure {
    Failure(
      .invalidData, "its values would take more than \(limit) bytes of memory, the limit (\(rule))",
      advice: "the file was damaged, or made to exhaust the memory; get it from its source again")
  }
}
