import Bytes

/// A zip archive as torch.save writes it, around a pickle that is being fuzzed: with a storage of 64
/// bytes, so that a state dict can be right. The CRCs are zero, which readers here don't check.
enum StoredZip {
  static func stateDict(pickle: [UInt8]) -> [UInt8] {
    bytes([("a/data.pkl", pickle), ("a/data/0", [UInt8](repeating: 1, count: 64))])
  }

  private static func bytes(_ entries: [(name: String, data: [UInt8])]) -> [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for (name, data) in entries {
      // Version, flags, method, time, date, CRC, both sizes, sizes of name and extra field.
      let common =
        number(20, 2) + number(0, 12) + number(data.count, 4) + number(data.count, 4)
        + number(name.utf8.count, 2) + number(0, 2)
      directory +=
        number(0x0201_4B50, 4) + number(20, 2) + common + number(0, 10) + number(file.count, 4)
        + Array(name.utf8)
      file += number(0x0403_4B50, 4) + common + Array(name.utf8) + data
    }
    return file + directory + number(0x0605_4B50, 4) + number(0, 4) + number(entries.count, 2)
      + number(entries.count, 2) + number(directory.count, 4) + number(file.count, 4)
      + number(0, 2)
  }

  private static func number(_ value: Int, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
