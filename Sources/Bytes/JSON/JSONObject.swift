/// The members of a JSON object in insertion order, with constant-time lookup.
///
/// Keys are compared by their UTF-8 bytes. Swift's `String` equality would merge canonically
/// equivalent keys, and vocabularies contain such pairs. Keys and values share one array, so that a
/// small object takes one allocation.
public struct JSONObject: Sendable {
  /// A key with its value.
  public typealias Member = (key: String, value: JSON)

  /// The members, in insertion order.
  public private(set) var members: [Member] = []
  /// An open-addressing hash table of positions + 1 (0 = empty), built once the object has more
  /// than `scanned` members.
  private var table: [Int32] = []
  /// The most members that are searched linearly.
  private static let scanned = 8

  /// An object without members.
  public init() {}

  /// The number of members.
  public var count: Int { members.count }
  /// Whether there are no members.
  public var isEmpty: Bool { members.isEmpty }
  /// The keys, in the order of the members.
  public var keys: [String] { members.map(\.key) }
  /// The values, in the order of the members.
  public var values: [JSON] { members.map(\.value) }

  /// Reserves memory for `count` members in all.
  public mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

  /// The value of `key`; nil if absent. Setting nil removes the member; setting a new key appends
  /// it.
  public subscript(key: String) -> JSON? {
    get { position(of: key).map { members[$0].value } }
    set {
      if let newValue {
        if let at = position(of: key) {
          members[at].value = newValue
        } else {
          insert(key, newValue)
        }
      } else if let at = position(of: key) {
        members.remove(at: at)
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
    members.append((key, value))
    if members.count <= Self.scanned { return }
    if members.count * 2 > table.count { rebuild() } else { enter(members.count - 1) }
  }

  private mutating func rebuild() {
    guard members.count > Self.scanned else {
      table = []
      return
    }
    var size = 32
    while size < members.count * 3 { size *= 2 }
    table = [Int32](repeating: 0, count: size)
    for index in members.indices { enter(index) }
  }

  private mutating func enter(_ index: Int) {
    let mask = table.count - 1
    var slot = Self.hash(members[index].key) & mask
    while table[slot] != 0 { slot = (slot + 1) & mask }
    table[slot] = Int32(index + 1)
  }

  private func position(of key: String) -> Int? {
    if table.isEmpty {
      return members.firstIndex { Self.same($0.key, key) }
    }
    let mask = table.count - 1
    var slot = Self.hash(key) & mask
    while table[slot] != 0 {
      let index = Int(table[slot]) - 1
      if Self.same(members[index].key, key) { return index }
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
  public func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }
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
