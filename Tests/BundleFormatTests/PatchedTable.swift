import BundleFormat
import Bytes

/// A bundle's bytes with a changed entry of the section table, and the hashes that belong to it.
enum PatchedTable {
  /// Changes the 96 bytes of the entry at `index`.
  static func bytes(
    of path: String, entry index: Int, _ change: (inout ArraySlice<UInt8>) -> Void
  ) throws -> ByteSlice {
    try bytes(of: path) { table in
      let entry = 32 + 96 * index
      var patched = table[entry..<entry + 96]
      change(&patched)
      table.replaceSubrange(entry..<entry + 96, with: patched)
    }
  }

  /// Changes the text `name`, which occurs once in the table, to one with as many bytes.
  static func bytes(of path: String, name: String, as new: String) throws -> ByteSlice {
    try bytes(of: path) { table in
      let (old, new) = (Array(name.utf8), Array(new.utf8))
      precondition(old.count == new.count)
      let places = table.indices.dropLast(old.count - 1).filter {
        table[$0..<$0 + old.count].elementsEqual(old)
      }
      precondition(places.count == 1, "\(places.count) places")
      table.replaceSubrange(places[0]..<places[0] + old.count, with: new)
    }
  }

  /// Changes the section table, and sets the hashes right again.
  private static func bytes(
    of path: String, _ change: (inout [UInt8]) -> Void
  ) throws -> ByteSlice {
    let bundle = try ModelBundle(path: path)
    var bytes = try MappedFile(path: path).bytes.array
    let table = bundle.tableExtent
    var changed = Array(bytes[table.offset..<table.end])
    change(&changed)
    bytes.replaceSubrange(table.offset..<table.end, with: changed)
    let record = bundle.generation % 2 == 0 ? 4096 : 8192
    bytes.replaceSubrange(record + 40..<record + 56, with: XXH3Digest(hashing: changed).bytes)
    bytes.replaceSubrange(record + 56..<record + 88, with: SHA256Digest(hashing: changed).bytes)
    let own = XXH3Digest(hashing: Array(bytes[record..<record + 104])).bytes
    bytes.replaceSubrange(record + 104..<record + 120, with: own)
    return ByteSlice(bytes)
  }
}
