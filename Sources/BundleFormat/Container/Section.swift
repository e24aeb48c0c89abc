import Bytes

/// An entry of the section table: the place of a section, its form of storage and its digests.
public struct Section: Sendable, Equatable {
  /// The type as stored; `type` is nil for one this version doesn't know.
  public var typeID: UInt16
  /// The layout as stored; `layout` is nil for one that this version doesn't know.
  public var layoutID: UInt16
  /// The features that a program needs to use the section, or to change the bundle.
  public var flags: SectionFlags
  /// The compression of the stored bytes.
  public var codec: Codec
  /// The offset is a multiple of this power of two.
  public var alignment: Int
  /// The place of the stored bytes in the file; 0 if there are none.
  public var offset: Int
  /// Bytes in the file.
  public var storedSize: Int
  /// Bytes after decoding.
  public var rawSize: Int
  /// The digest of the stored bytes.
  public var xxh3: XXH3Digest
  /// The digest of the raw bytes, so that it doesn't depend on the codec.
  public var sha256: SHA256Digest
  /// The name, only once per type.
  public var name: String
  /// A JSON object; empty for none.
  public var attributes: JSONObject

  /// The type; nil for one that this version doesn't know.
  public var type: SectionType? { SectionType(rawValue: typeID) }
  /// The layout; nil for one that this version doesn't know.
  public var layout: PackingLayout? { PackingLayout(rawValue: layoutID) }
  /// The offset after the last stored byte.
  public var end: Int { offset + storedSize }

  /// Type and name for error texts: `prompt "demo"`.
  public var label: String {
    "\(type.map { "\($0)" } ?? "section of type \(typeID)") \"\(name)\""
  }

  /// The order of the table and of the canonical form: by type, then by the name's UTF-8 bytes.
  static func precedes(_ a: Section, _ b: Section) -> Bool {
    a.typeID != b.typeID
      ? a.typeID < b.typeID : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
  }

  func isSame(type: UInt16, name: String) -> Bool {
    typeID == type && self.name.utf8.elementsEqual(name.utf8)
  }
}

/// A run of bytes in the file.
public struct Extent: Sendable, Equatable {
  /// The first byte's offset in the file.
  public var offset: Int
  /// The number of bytes.
  public var size: Int
  /// The offset after the last byte.
  public var end: Int { offset + size }
}
