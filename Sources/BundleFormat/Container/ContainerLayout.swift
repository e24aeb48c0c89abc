/// The layout of a `.ctpack` file, version 1. Formats/container.md is the specification.
///
///       0 ┌──────────────────────────────┐
///         │ header, 64 bytes             │ magic, version, flags, own hash
///    4096 ├──────────────────────────────┤
///         │ commit record 0, 128 bytes   │ even generations
///    8192 ├──────────────────────────────┤
///         │ commit record 1, 128 bytes   │ odd generations
///   12288 ├──────────────────────────────┤
///         │ sections, tables, free space │ in any order, all accounted for by the table
///         └──────────────────────────────┘
public enum ContainerLayout {
  /// 0x89 so that it is no text, CR LF so that a text-mode copy shows, and the DOS end-of-file
  /// character.
  static let magic: [UInt8] = [0x89, 0x43, 0x54, 0x50, 0x4B, 0x0D, 0x0A, 0x1A]
  /// The container version that this library reads and writes.
  public static let majorVersion: UInt16 = 1
  /// The minor version of new files; files with a higher one can be read but not changed.
  public static let minorVersion: UInt16 = 0
  static let headerSize = 64
  static let recordOffsets = [4096, 8192]
  static let recordSize = 128
  static let bodyOffset = 12288
  /// Smallest and largest power of two that a section's offset may be asked to be a multiple of.
  static let alignmentShifts = 6...16
  static let tableAlignment = 64
  static let pageSize = 4096
  /// From this stored size on, a tensor's bytes begin on a page.
  static let pageAlignedFrom = 65536

  static let maximumSections = 1 << 20
  static let maximumFreeExtents = 1 << 20
  static let maximumTableSize = 1 << 28
  static let maximumNameSize = 1024
  static let maximumAttributesSize = 1 << 24
  /// Bytes of memory that all attributes may take per byte of the table, beside
  /// `InputBudget.base`.
  static let attributesFactor = 12
  /// A compressed section may not grow by more than this when it is read.
  static let maximumExpansion = 64

  /// The smallest multiple of `alignment` that is at least `offset`; nil on overflow.
  static func aligned(_ offset: Int, to alignment: Int) -> Int? {
    let (sum, overflowed) = offset.addingReportingOverflow(alignment - 1)
    return overflowed ? nil : sum / alignment * alignment
  }
}
