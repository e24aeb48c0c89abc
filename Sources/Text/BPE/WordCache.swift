/// A direct-mapped cache of the ids of short words, which texts repeat. A new word replaces the
/// previous one in its slot; the cache never changes the result.
struct WordCache {
  /// A word of up to 15 bytes.
  struct Key: Equatable {
    /// The first eight bytes of the word.
    let low: UInt64
    /// The next seven, and the length in the highest byte.
    let high: UInt64
  }
  private struct Entry {
    var key: Key
    var start: UInt32
    var count: UInt32
  }
  private var entries: [Entry]
  private var ids: [Int32] = []
  private let shift: UInt64
  private static let longest = 15
  private static let idLimit = 1 << 18

  /// - Parameter bits: The base-2 logarithm of the number of entries.
  init(bits: UInt64) {
    entries = Array(
      repeating: Entry(key: Key(low: 0, high: 0), start: 0, count: 0), count: 1 << Int(bits))
    shift = 64 - bits
  }

  /// The key of a word; nil for words of fewer than 2 or more than 15 bytes, which aren't cached.
  @inline(__always)
  static func key(_ text: [UInt8], _ word: Range<Int>) -> Key? {
    let count = word.count
    guard count >= 2, count <= longest else { return nil }
    var low: UInt64 = 0
    var high: UInt64 = 0
    let split = min(word.upperBound, word.lowerBound + 8)
    for index in word.lowerBound..<split { low = low << 8 | UInt64(text[index]) }
    for index in split..<word.upperBound { high = high << 8 | UInt64(text[index]) }
    return Key(low: low, high: high | UInt64(count) << 56)
  }

  @inline(__always)
  private func slot(_ key: Key) -> Int {
    let mixed = (key.low ^ (key.high &* 0x9E37_79B9_7F4A_7C15)) &* 0xD6E8_FEB8_6659_FD93
    return Int(((mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93) >> shift)
  }

  /// Appends the cached ids of the word to `result`; returns false if it isn't cached.
  @inline(__always)
  func append(_ key: Key, to result: inout [Int32]) -> Bool {
    let entry = entries[slot(key)]
    guard entry.key == key else { return false }
    let start = Int(entry.start)
    for index in start..<start + Int(entry.count) { result.append(ids[index]) }
    return true
  }

  /// Caches the ids `source[range]` of the word.
  mutating func store(_ key: Key, _ source: [Int32], _ range: Range<Int>) {
    if ids.count + range.count > Self.idLimit { forget() }
    entries[slot(key)] = Entry(key: key, start: UInt32(ids.count), count: UInt32(range.count))
    ids.append(contentsOf: source[range])
  }

  private mutating func forget() {
    ids.removeAll(keepingCapacity: true)
    for index in entries.indices { entries[index].key = Key(low: 0, high: 0) }
  }
}
