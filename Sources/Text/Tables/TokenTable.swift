/// The texts of a vocabulary by id, contiguous in one array, with a hash table from text to id.
struct TokenTable: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  private var ids: [Int32] = []
  private static let seed = UInt64.random(in: 0...UInt64.max)

  var count: Int { ends.count }

  init(_ tokens: [[UInt8]]) {
    ends.reserveCapacity(tokens.count)
    for token in tokens {
      bytes.append(contentsOf: token)
      ends.append(bytes.count)
    }
    var slots = 16
    while slots < tokens.count * 2 { slots *= 2 }
    ids = [Int32](repeating: -1, count: slots)
    // The empty text has no id: it is that of the ids that a vocabulary leaves out.
    for id in 0..<tokens.count where !tokens[id].isEmpty { enter(id) }
  }

  private func range(_ id: Int) -> Range<Int> { (id == 0 ? 0 : ends[id - 1])..<ends[id] }

  /// The text of `id`; nil if there is no such token.
  subscript(id: Int32) -> [UInt8]? {
    id >= 0 && Int(id) < ends.count ? Array(bytes[range(Int(id))]) : nil
  }

  /// The lowest id whose text is `text[part]`; nil if there is none.
  func id(_ text: [UInt8], _ part: Range<Int>) -> Int32? {
    let mask = ids.count - 1
    var slot = Self.hash(text, part) & mask
    while ids[slot] >= 0 {
      if isSame(Int(ids[slot]), text, part) { return ids[slot] }
      slot = (slot + 1) & mask
    }
    return nil
  }

  func id(_ text: [UInt8]) -> Int32? { id(text, 0..<text.count) }

  private mutating func enter(_ id: Int) {
    let part = range(id)
    let mask = ids.count - 1
    var slot = Self.hash(bytes, part) & mask
    while ids[slot] >= 0 {
      if isSame(Int(ids[slot]), bytes, part) { return }
      slot = (slot + 1) & mask
    }
    ids[slot] = Int32(id)
  }

  private func isSame(_ id: Int, _ text: [UInt8], _ part: Range<Int>) -> Bool {
    let own = range(id)
    guard own.count == part.count else { return false }
    var at = part.lowerBound
    for index in own {
      if bytes[index] != text[at] { return false }
      at += 1
    }
    return true
  }

  /// A hash of eight bytes at a time, seeded so that colliding texts can't be prepared.
  private static func hash(_ text: [UInt8], _ part: Range<Int>) -> Int {
    var state = seed ^ UInt64(truncatingIfNeeded: part.count)
    var index = part.lowerBound
    while index < part.upperBound {
      var chunk: UInt64 = 0
      let end = min(index + 8, part.upperBound)
      while index < end {
        chunk = chunk << 8 | UInt64(text[index])
        index += 1
      }
      let product = (state ^ chunk).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15 ^ (seed | 1))
      state = product.low ^ product.high
    }
    return Int(truncatingIfNeeded: state & 0x7FFF_FFFF_FFFF_FFFF)
  }
}
