/// The kind and the sizes of an adapter: with them, a flat array of numbers is one.
public enum AdapterShape: Sendable, Equatable {
  /// Rows [n, d] before the token embeddings. `ids` are the n tokens whose embeddings they are,
  /// for a hard prompt; nil for a soft one.
  case embeddings(tokens: Int, width: Int, ids: [Int32]?)
  /// Keys and values [layers, 2, n, width]: per block all keys, as they go into the cache, then all
  /// values.
  case prefix(tokens: Int, layers: Int, width: Int)
  /// Per target A [rank, inputs], then B [outputs, rank].
  case lowRank(LowRankShape)

  static let maximumElements = 1 << 28
  private static let maximumExtent = 1 << 24

  /// The kind of adapter that has this shape.
  public var kind: AdapterKind {
    switch self {
    case .embeddings(_, _, let ids): ids == nil ? .soft : .hard
    case .prefix: .prefix
    case .lowRank: .lora
    }
  }

  /// The type of the section that holds such an adapter.
  public var sectionType: SectionType {
    if case .embeddings = self { .prompt } else { .adapter }
  }

  /// Positions before a text's first token.
  public var tokens: Int {
    switch self {
    case .embeddings(let tokens, _, _), .prefix(let tokens, _, _): tokens
    case .lowRank: 0
    }
  }

  /// The sizes in words.
  public var label: String {
    switch self {
    case .embeddings(let tokens, let width, _): "\(tokens) tokens × \(width)"
    case .prefix(let tokens, let layers, let width):
      "prefix of \(tokens) × \(width) in \(layers) blocks"
    case .lowRank(let shape):
      "LoRA of rank \(shape.rank) beside \(shape.targets.count) layers"
    }
  }

  /// The number of values; nil where a size is impossible or too large.
  public var count: Int? {
    switch self {
    case .embeddings(let tokens, let width, let ids):
      guard ids.map({ $0.count == tokens && $0.allSatisfy { $0 >= 0 } }) ?? true else { return nil }
      return Self.product(tokens, width)
    case .prefix(let tokens, let layers, let width):
      return Self.product(2, tokens, layers, width)
    case .lowRank(let shape): return shape.count
    }
  }

  /// The product of `sizes`; nil where one of them, or the product, is impossible or too large.
  static func product(_ sizes: Int...) -> Int? {
    var result = 1
    for size in sizes {
      guard (1...maximumExtent).contains(size), result <= maximumElements / size else {
        return nil
      }
      result *= size
    }
    return result
  }
}
