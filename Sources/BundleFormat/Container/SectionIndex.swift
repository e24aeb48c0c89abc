/// The positions of sections in a list by type and name, for edits that look up many of them.
struct SectionIndex {
  private struct Key: Hashable {
    var type: UInt16
    /// The name's UTF-8 bytes: names that are only canonically equivalent are different.
    var name: [UInt8]
  }

  private var positions: [Key: Int] = [:]

  /// The positions in `sections`, of which no two have the same type and name.
  init(_ sections: [Section]) {
    positions.reserveCapacity(sections.count)
    for (index, section) in sections.enumerated() {
      positions[Key(type: section.typeID, name: Array(section.name.utf8))] = index
    }
  }

  /// The position of the section of this type and name; nil if there is none.
  subscript(type: UInt16, name: String) -> Int? {
    positions[Key(type: type, name: Array(name.utf8))]
  }

  /// Enters a section; returns false, without a change, if one of its type and name is there.
  mutating func enter(_ type: UInt16, _ name: String, at index: Int) -> Bool {
    let key = Key(type: type, name: Array(name.utf8))
    guard positions[key] == nil else { return false }
    positions[key] = index
    return true
  }
}
