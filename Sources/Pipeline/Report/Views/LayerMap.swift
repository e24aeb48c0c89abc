import Bytes

/// A quantity of every layer, arranged by block and by the layer's name in its block.
struct LayerMap {
  /// The name of the quantity: "Output error".
  let title: String
  /// Whether it is a measured error, whose protocol is named.
  let isError: Bool
  /// Names of layers within a block, in the order in which they occur.
  let names: [String]
  let blocks: Int
  /// By name, then by block; nil where there is no such layer.
  let values: [[Double?]]
  let shown: (Double) -> String

  /// Steps of shade.
  static let levels = 6
  /// The most blocks and names that are drawn; a drawing of more has no visible cells.
  private static let mostBlocks = 256
  private static let mostNames = 64

  /// The maps of those quantities that differ among the layers.
  static func all(_ layers: [ReportLayer]) -> [LayerMap] {
    let compressed = layers.filter { $0.shape.count == 2 && $0.place != nil }
    return [
      LayerMap("Output error", isError: true, compressed, ReportFigure.share) { $0.error },
      LayerMap("Bits per weight", compressed, { Figure.fixed($0, 2) }) { $0.bitsPerWeight },
      LayerMap("Sparsity", compressed, Figure.percent) { $0.sparsity },
    ].compactMap(\.self)
  }

  /// A map; nil where fewer than two different values are known.
  private init?(
    _ title: String, isError: Bool = false, _ layers: [ReportLayer],
    _ shown: @escaping (Double) -> String, _ value: (ReportLayer) -> Double?
  ) {
    let known = layers.compactMap(value)
    // Differences that aren't shown are none.
    guard Set(known.map(shown)).count > 1 else { return nil }
    blocks = (layers.compactMap { $0.place?.block }.max() ?? -1) + 1
    guard blocks <= Self.mostBlocks else { return nil }
    let rows = layers.groupedInOrder { $0.place?.name ?? "" }.filter { row in
      row.elements.contains { value($0) != nil }
    }
    guard rows.count <= Self.mostNames else { return nil }
    names = rows.map(\.key)
    let blocks = blocks
    values = rows.map { row in
      var own = [Double?](repeating: nil, count: blocks)
      for layer in row.elements {
        if let block = layer.place?.block { own[block] = value(layer) }
      }
      return own
    }
    self.title = title
    self.isError = isError
    self.shown = shown
    bounds = (known.min() ?? 0, known.max() ?? 0)
  }

  private let bounds: (low: Double, high: Double)

  /// The step of shade of a value, 0 ..< `levels`.
  func level(of value: Double) -> Int {
    let share = (value - bounds.low) / (bounds.high - bounds.low)
    guard share.isFinite else { return 0 }
    return Int(min(Double(Self.levels - 1), max(0, share * Double(Self.levels))))
  }

  /// The values of a step of shade in words; nil where no layer has one.
  func range(of level: Int) -> String? {
    let own = values.joined().compactMap(\.self).filter { self.level(of: $0) == level }
    guard let low = own.min(), let high = own.max() else { return nil }
    return shown(low) == shown(high) ? shown(low) : "\(shown(low)) to \(shown(high))"
  }

  /// The map in words.
  var sentence: String {
    let known = values.joined().compactMap(\.self).sorted()
    var worst = ""
    for (row, list) in values.enumerated() {
      if let block = list.firstIndex(of: bounds.high) {
        worst = " (block \(block), \(names[row]))"
        break
      }
    }
    return
      "median \(shown(known[known.count / 2])), from \(shown(bounds.low)) to \(shown(bounds.high))\(worst)"
  }
}
