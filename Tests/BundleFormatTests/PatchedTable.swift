import BundleFormat
import Bytes

/// A bundle's bytes with a changed entry of the section table, and the hashes that belong to it.
enum PatchedTable {
  /// Changes the 96 bytes of the entry at `index`.
  static func bytes(
    of path: String, entry index: Int, _ change: (inout ArraySlice<UInt8>) -> Void
  ) throws -> ByteSlice {
    let bundle = try ModelBundle(path: path)
    var bytes = try MappedFile(path: path).bytes.array
    let table = bundle.tableExtent
    let entry = table.offset + 32 + 96 * index
    var patched = bytes[entry..<entry + 96]
    change(&patched)
    bytes.replaceSubrange(entry..<entry + 96, with: patched)
    let changed = Array(bytes[table.offset..<table.end])
    let record = bundle.generation % 2 == 0 ? 4096 : 8192
    bytes.replaceSubrange(record + 40..<record + 56, with: XXH3Digest(hashing: changed).bytes)
    bytes.replaceSubrange(record + 56..<record + 88, with: SHA256Digest(hashing: changed).bytes)
    let own = XXH3Digest(hashing: Array(bytes[record..<record + 104])).bytes
    bytes.replaceSubrange(record + 104..<record + 120, with: own)
    return ByteSlice(bytes)
  }
}
