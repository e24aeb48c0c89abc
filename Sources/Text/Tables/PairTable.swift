/// A hash table from 64-bit keys to 64-bit values, for lookups in hot loops.
///
/// The hash is seeded per process, so that a hostile file can't choose keys that collide; no result
/// depends on the order of the slots. The key `.max` is reserved.
struct PairTable: Sendable {
  private struct Slot {
    var key: UInt64
    var value: UInt64
  }
  private var slots: [Slot]
  private var shift: UInt64
  private(set) var count = 0
  private static let multiplier = UInt64.random(in: 0...UInt64.max) | 1
  private static let offset = UInt64.random(in: 0...UInt64.max)

  init(minimumCapacity: Int = 0) {
    var bits: UInt64 = 4
    while (1 << bits) < minimumCapacity * 2 { bits += 1 }
    slots = [Slot](repeating: Slot(key: .max, value: 0), count: 1 << Int(bits))
    shift = 64 - bits
  }

  /// `left << 32 | right`.
  @inline(__always)
  static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The first slot to probe for `key`.
  @inline(__always)
  private func start(_ key: UInt64) -> Int {
    var mixed = (key ^ Self.offset) &* Self.multiplier
    mixed ^= mixed >> 29
    return Int((mixed &* Self.multiplier) >> shift)
  }

  /// The value of `key`; nil if absent.
  @inline(__always)
  func find(_ key: UInt64) -> UInt64? {
    var slot = start(key)
    let mask = slots.count - 1
    while true {
      let found = slots[slot].key
      if found == key { return slots[slot].value }
      if found == .max { return nil }
      slot = (slot + 1) & mask
    }
  }

  /// Sets the value of `key`, replacing any previous one.
  mutating func set(_ key: UInt64, _ value: UInt64) {
    if (count + 1) * 2 > slots.count { grow() }
    var slot = start(key)
    let mask = slots.count - 1
    while slots[slot].key != .max, slots[slot].key != key { slot = (slot + 1) & mask }
    if slots[slot].key == .max { count += 1 }
    slots[slot] = Slot(key: key, value: value)
  }

  private mutating func grow() {
    var larger = PairTable(minimumCapacity: slots.count)
    for slot in slots where slot.key != .max { larger.set(slot.key, slot.value) }
    self = larger
  }
}
