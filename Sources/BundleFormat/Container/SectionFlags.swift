/// The features of a section that a program must know, in three classes of 16 bits each.
public struct SectionFlags: Sendable, Hashable {
  /// A program that doesn't know a set bit must not use the section's bytes.
  public var read: UInt16
  /// A program that doesn't know a set bit must not change the bundle.
  public var write: UInt16
  /// A program that doesn't know a set bit ignores it, and keeps it when it rewrites the bundle.
  public var optional: UInt16

  /// The given bits of each class; no others.
  public init(read: UInt16 = 0, write: UInt16 = 0, optional: UInt16 = 0) {
    self.read = read
    self.write = write
    self.optional = optional
  }

  /// Read: the section holds only the values that the tensor's mask keeps.
  public static let survivorsOnly: UInt16 = 1 << 0
  /// Read: the parts of the tensor whose codes these are have their rows interleaved.
  public static let interleavedRows: UInt16 = 1 << 1
  /// Read: a program that doesn't know the section's type must refuse the whole bundle.
  public static let typeNeededToRead: UInt16 = 1 << 15
  /// Write: the section was made for the tensors as they are; an edit that changes tensors must
  /// drop it.
  public static let boundToWeights: UInt16 = 1 << 0
  /// Write: a program that doesn't know the section's type must not change the bundle.
  public static let typeNeededToWrite: UInt16 = 1 << 15
  /// Optional: a report for people; nothing is computed from it.
  public static let informative: UInt16 = 1 << 0

  static let knownRead = survivorsOnly | interleavedRows | typeNeededToRead
  static let knownWrite = boundToWeights | typeNeededToWrite

  /// The number of the lowest bit of `flags` that isn't `known`; nil if all are.
  static func unknownBit(_ flags: UInt16, known: UInt16) -> Int? {
    let unknown = flags & ~known
    return unknown == 0 ? nil : unknown.trailingZeroBitCount
  }
}
