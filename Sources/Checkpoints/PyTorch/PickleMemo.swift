/// A pickle's memo: the number of a value by the index under which the program stored it.
///
/// Picklers count indices from 0, so the entries are an array of 4 bytes each, as in CPython's own
/// reader. A dictionary would take ten times as long and up to 50 bytes for an opcode of one byte.
struct PickleMemo {
  /// The values' numbers by index, -1 for none.
  private var numbers: [Int32] = []
  /// The number of entries; the index of the opcode MEMOIZE.
  private(set) var count = 0

  /// The bytes of memory that an entry's place may take: while the array grows, its old place lives
  /// beside the new one, which is twice as large.
  static let place = 3 * MemoryLayout<Int32>.stride

  /// The memory in bytes that an entry with the index `key`, at most 2^32, takes beyond what the memo
  /// has: places up to its own. It is to be taken from the budget before `set`.
  func cost(of key: Int) -> Int { max(0, key + 1 - numbers.count) * Self.place }

  /// Sets an entry to the value numbered `value`, below 2^31.
  mutating func set(_ key: Int, to value: Int) {
    if key == numbers.count {
      numbers.append(Int32(value))
      count += 1
      return
    }
    if key > numbers.count {
      numbers.append(contentsOf: repeatElement(-1, count: key + 1 - numbers.count))
    }
    if numbers[key] < 0 { count += 1 }
    numbers[key] = Int32(value)
  }

  /// The number of an entry's value; nil if there is no such entry.
  subscript(key: Int) -> Int? {
    guard key < numbers.count, numbers[key] >= 0 else { return nil }
    return Int(numbers[key])
  }
}
