/// The members of a JSON object in insertion order, with constant-time lookup.
///
/// Keys are compared by their UTF-8 bytes. Swift's `String` equality would merge canonically
/// equivalent keys, and vocabularies contain such pairs.
public struct JSONObject: Sendable {
  /// The keys, in the order of the members.
  public private(set) var keys: [String] = []
  /// The values, in the order of `keys`.
  public private(set) var values: [JSON] = []
  /// An open-addressing hash table of positions + 1 (0 = empty), built once the object has more
  /// than `scanned` members.
  private var table: [Int32] = []
  /// The most members that are searched linearly.
  private static let scanned = 8

  /// An object without members.
  public init() {}

  /// The number of members.
  public var count: Int { keys.count }
  /// Whether there are no members.
  public var isEmpty: Bool { keys.isEmpty }

  /// Reserves memory for `count` members in all.
  public mutating func reserveCapacity(_ count: Int) {
    keys.reserveCapacity(count)
    values.reserveCapacity(count)
  }

  /// The value of `key`; nil if absent. Setting nil removes the member; setting a new key appends
  /// it.
  public subscript(key: String) -> JSON? {
    get { position(of: key).map { values[$0] } }
    set {
      if let newValue {
        if let at = position(of: key) { values[at] = newValue } else { insert(key, newValue) }
      } else if let at = position(of: key) {
        keys.remove(at: at)
        values.remove(at: at)
        rebuild()
      }
    }
  }

  /// Appends a member. Returns false, without a change, if the key exists.
  public mutating func appendIfAbsent(_ key: String, _ value: JSON) -> Bool {
    guard position(of: key) == nil else { return false }
    insert(key, value)
    return true
  }

  private mutating func insert(_ key: String, _ value: JSON) {
    keys.append(key)
    values.append(value)
    if keys.count <= Self.scanned { return }
    if keys.count * 2 > table.count { rebuild() } else { enter(keys.count - 1) }
  }

  private mutating func rebuild() {
    guard keys.count > Self.scanned else {
      table = []
      return
    }
    var size = 64
    while size < keys.count * 4 { size *= 2 }
    table = [Int32](repeating: 0, count: size)
    for index in keys.indices { enter(index) }
  }

  private mutating func enter(_ index: Int) {
    let mask = table.count - 1
    var slot = Self.hash(keys[index]) & mask
    while table[slot] != 0 { slot = (slot + 1) & mask }
    table[slot] = Int32(index + 1)
  }

  private func position(of key: String) -> Int? {
    if table.isEmpty {
      return keys.firstIndex { Self.same($0, key) }
    }
    let mask = table.count - 1
    var slot = Self.hash(key) & mask
    while table[slot] != 0 {
      let index = Int(table[slot]) - 1
      if Self.same(keys[index], key) { return index }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private static func same(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && a.utf8.elementsEqual(b.utf8)
  }

  /// Hashes `key` with a per-process seed, so that an attacker can't construct collisions.
  private static func hash(_ key: String) -> Int {
    var hasher = Hasher()
    let direct: Void? = unsafe key.utf8.withContiguousStorageIfAvailable {
      unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0))
    }
    if direct == nil { for byte in key.utf8 { hasher.combine(byte) } }
    return hasher.finalize()
  }
}

extension JSONObject: Sequence {
  /// An iterator over keys and values, in the order of the members.
  public func makeIterator() -> Zip2Sequence<[String], [JSON]>.Iterator {
    zip(keys, values).makeIterator()
  }
}

extension JSONObject: Equatable {
  /// Whether both have the same members, in any order.
  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.count == b.count && a.allSatisfy { key, value in b[key] == value }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// Makes an object; of two equal keys, the later value is kept.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    for (key, value) in elements { self[key] = value }
  }
}
