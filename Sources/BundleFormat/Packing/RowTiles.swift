/// Interleaved rows: the order of a sparse packed matrix whose rows are multiplied sixteen at a
/// time (Formats/packing.md).
///
/// Sixteen rows make a tile. In it four neighbouring weights of the first row are followed by the
/// same four columns of the second row, and so on; then come the next four columns. So a vector
/// register holds four columns of all sixteen rows, a lane of 32 bits each, and scales, zero points
/// and sums need no work per row.
public enum RowTiles {
  /// Rows of a tile.
  public static let rows = 16
  /// Neighbouring columns of a row that stay together.
  public static let columns = 4

  /// Whether a matrix can be stored so: whole tiles, and groups of whole runs of 64 columns. The
  /// last group of a row may be shorter, and is of whole runs then too.
  public static func suits(rows: Int, columns: Int, groupSize: Int) -> Bool {
    rows > 0 && columns > 0 && groupSize > 0 && rows % Self.rows == 0 && columns % 64 == 0
      && groupSize % 64 == 0
  }

  /// `values` ([rows, columns], row-major) as [rows / 16, columns / width, 16, width]. `width`: how
  /// many neighbours stay together, `RowTiles.columns` for weights, 1 for what there is one of per
  /// group. Precondition: 16 divides `rows`, and `width` divides `columns`.
  public static func interleave<T>(_ values: [T], rows: Int, columns: Int, width: Int) -> [T] {
    var tiled: [T] = []
    tiled.reserveCapacity(values.count)
    runs(values.count, rows: rows, columns: columns, width: width) { run in
      for at in run { tiled.append(values[at]) }
    }
    return tiled
  }

  /// The row-major order again: what `interleave` took.
  public static func restore<T>(_ tiled: [T], rows: Int, columns: Int, width: Int) -> [T] {
    // Every element is written over.
    var values = tiled
    var next = 0
    runs(tiled.count, rows: rows, columns: columns, width: width) { run in
      for at in run {
        values[at] = tiled[next]
        next += 1
      }
    }
    return values
  }

  /// The places in row-major order of each run of `width` neighbours, in the order of the tiles.
  @inline(__always)
  private static func runs(
    _ count: Int, rows: Int, columns: Int, width: Int, _ body: (Range<Int>) -> Void
  ) {
    precondition(
      rows % Self.rows == 0 && columns % width == 0 && count == rows * columns,
      "\(count) values for \(rows) × \(columns) in runs of \(width)")
    for tile in stride(from: 0, to: rows, by: Self.rows) {
      for column in stride(from: 0, to: columns, by: width) {
        for row in tile..<tile + Self.rows {
          let start = row * columns + column
          body(start..<start + width)
        }
      }
    }
  }
}
