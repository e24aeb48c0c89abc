import Bytes

/// One entry of the section table: where a section stands, how it is stored, and what it must hash
/// to.
public struct Section: Sendable, Equatable {
  /// The type as stored; `type` is nil for one this version doesn't know.
  public var typeID: UInt16
  public var layoutID: UInt16
  public var flags: SectionFlags
  public var codec: Codec
  /// The offset is a multiple of this power of two.
  public var alignment: Int
  public var offset: Int
  /// Bytes in the file.
  public var storedSize: Int
  /// Bytes after decoding.
  public var rawSize: Int
  /// Of the stored bytes.
  public var xxh3: XXH3Digest
  /// Of the raw bytes, so that it doesn't depend on the codec.
  public var sha256: SHA256Digest
  public var name: String
  /// A JSON object; empty where there is nothing to say.
  public var attributes: JSONObject

  public var type: SectionType? { SectionType(rawValue: typeID) }
  public var layout: PackingLayout? { PackingLayout(rawValue: layoutID) }
  public var end: Int { offset + storedSize }

  /// For sentences: `prompt "demo"`.
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
  public var offset: Int
  public var size: Int
  public var end: Int { offset + size }
}
