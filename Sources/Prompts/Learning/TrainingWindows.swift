import Bytes
import Numerics

/// Windows of a training text in a seeded random order. Every epoch has a new start offset and a
/// new shuffle. With a pool, every epoch shuffles the same windows, the first ones drawn in the
/// first epoch, so that a teacher's distributions for them can be cached.
///
/// The order depends only on the seed and the epoch's number, so a position in it is two integers.
package struct TrainingWindows: Sendable {
  /// The position of the next window.
  package struct Position: Sendable, Equatable, Codable {
    package var epoch = 0
    package var index = 0

    package init() {}
  }

  package private(set) var position: Position
  private let ids: [Int32]
  private let length: Int
  private let seed: UInt64
  private let pool: Int?
  /// Start offsets of the current epoch's windows.
  private var starts: [Int]

  /// - Parameter pool: the maximum number of windows to draw from; nil for the whole text, with a
  ///   new offset each epoch.
  /// - Throws: `usage` if the text is shorter than one window.
  package init(
    ids: [Int32], length: Int, seed: UInt64, pool: Int? = nil, position: Position = Position()
  ) throws(Failure) {
    guard ids.count >= length else {
      throw Failure(
        .usage, "the training text has \(ids.count) tokens, less than one window of \(length)",
        advice: "use a longer text or shorter windows")
    }
    self.ids = ids
    self.length = length
    self.seed = seed
    self.pool = pool
    self.position = position
    starts = []
    starts = starts(of: position.epoch)
  }

  /// The start of the next window in the text, in tokens. Advances the position.
  package mutating func nextStart() -> Int {
    while position.index >= starts.count {
      position.epoch += 1
      position.index = 0
      starts = starts(of: position.epoch)
    }
    defer { position.index += 1 }
    return starts[position.index]
  }

  /// The next window. Advances the position.
  package mutating func next() -> [Int32] { self[nextStart()] }

  /// The next `count` windows. Advances the position.
  package mutating func batch(_ count: Int) -> [[Int32]] { (0..<count).map { _ in next() } }

  /// The window that begins at `start`.
  package subscript(start: Int) -> [Int32] { Array(ids[start..<start + length]) }

  /// The starts of the pool's windows in text order; without a pool, those of the first epoch.
  package var poolStarts: [Int] { starts(of: 0).sorted() }

  private func starts(of epoch: Int) -> [Int] {
    guard let pool else {
      return Self.starts(count: ids.count, length: length, seed: seed, epoch: epoch)
    }
    let drawn = Self.starts(count: ids.count, length: length, seed: seed, epoch: 0).prefix(pool)
    guard epoch > 0 else { return Array(drawn) }
    var random = Self.generator(seed: seed, epoch: epoch)
    return random.shuffled(Array(drawn))
  }

  private static func starts(count: Int, length: Int, seed: UInt64, epoch: Int) -> [Int] {
    var random = generator(seed: seed, epoch: epoch)
    // An offset below one window, and small enough that one whole window is always left.
    let offset = random.below(min(length, count - length + 1))
    let windows = (count - offset) / length
    return random.shuffled((0..<windows).map { offset + $0 * length })
  }
  private static func generator(seed: UInt64, epoch: Int) -> SeededGenerator {
    // The odd constant spreads neighbouring epochs over the seed space (a Weyl step).
    SeededGenerator(seed: seed &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15)
  }
}
