import Bytes
import Numerics

/// Windows of a training text in a seeded order: epoch by epoch a new cut (a new start offset) and
/// a new shuffle.
///
/// The order follows from the seed and the epoch's number, so a position in it is two integers.
public struct TrainingWindows: Sendable {
  /// Where the next window comes from.
  public struct Position: Sendable, Equatable, Codable {
    public var epoch = 0
    public var index = 0

    public init() {}
  }

  public private(set) var position: Position
  private let ids: [Int32]
  private let length: Int
  private let seed: UInt64
  /// Start offsets of the current epoch's windows.
  private var starts: [Int]

  /// - Throws: `usage` where the text is shorter than one window.
  public init(
    ids: [Int32], length: Int, seed: UInt64, position: Position = Position()
  ) throws(Failure) {
    guard ids.count >= length else {
      throw Failure(
        .usage, "the training text has \(ids.count) tokens, less than one window of \(length)",
        advice: "use a longer text or shorter windows")
    }
    self.ids = ids
    self.length = length
    self.seed = seed
    self.position = position
    starts = Self.starts(count: ids.count, length: length, seed: seed, epoch: position.epoch)
  }

  public mutating func next() -> [Int32] {
    while position.index >= starts.count {
      position.epoch += 1
      position.index = 0
      starts = Self.starts(count: ids.count, length: length, seed: seed, epoch: position.epoch)
    }
    let start = starts[position.index]
    position.index += 1
    return Array(ids[start..<start + length])
  }

  public mutating func batch(_ count: Int) -> [[Int32]] { (0..<count).map { _ in next() } }

  private static func starts(count: Int, length: Int, seed: UInt64, epoch: Int) -> [Int] {
    // The odd constant spreads neighbouring epochs over the seed space (a Weyl step).
    var random = SeededGenerator(seed: seed &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15)
    // An offset below one window, and small enough that one whole window is always left.
    let offset = random.below(min(length, count - length + 1))
    let windows = (count - offset) / length
    return random.shuffled((0..<windows).map { offset + $0 * length })
  }
}
