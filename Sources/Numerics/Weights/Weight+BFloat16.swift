import Bytes
import CKernels

/// Products in bfloat16, which decode weights of any format panel by panel.
extension Weight {
  /// Input rows per tile. Each tile decodes its part of the weights independently.
  private static let tileRows = 600

  /// Computes y = x·Wᵀ, or y = x·W if `transposed`; the product is added to y if `accumulate`.
  func multiply(_ x: PackedRows, into y: Tensor, accumulate: Bool, transposed: Bool) {
    let n = transposed ? columns : rows
    // A transposed tile begins at a whole block of codes.
    let width = transposed ? 64 : 96
    let across = (n + width - 1) / width
    let blocks = (x.rows + PackedRows.blockRows - 1) / PackedRows.blockRows
    let down = (x.rows + Self.tileRows - 1) / Self.tileRows
    let height = (blocks + down - 1) / down
    unsafe withStored { weight in
      nonisolated(unsafe) let weight = unsafe weight
      Parallel.forEach(across * down) { i in
        let top = i / across * height
        let left = i % across * width
        unsafe Self.multiply(
          weight, x, top..<min(blocks, top + height), left..<min(n, left + width),
          transposed: transposed, k: 0..<x.columns, into: y.pointer + left, ldc: n,
          beta: accumulate ? 1 : 0)
      }
    }
  }

  /// Multiplies blocks of input rows by the columns `n` of op(W) (at most 128), on the calling
  /// thread. A transposed product sums over the weight rows `k`.
  static func multiply(
    _ weight: UnsafePointer<ctk_weight>, _ x: PackedRows, _ blocks: Range<Int>, _ n: Range<Int>,
    transposed: Bool, k: Range<Int>, into c: UnsafeMutablePointer<Float>, ldc: Int, beta: Float
  ) {
    let first = blocks.lowerBound * PackedRows.blockRows
    let count = min(x.rows, blocks.upperBound * PackedRows.blockRows) - first
    if count <= 0 || n.isEmpty { return }
    var product = unsafe ctk_product_bf16(
      weight: weight, transposed: transposed ? 1 : 0, first_n: n.lowerBound, last_n: n.upperBound,
      first_k: k.lowerBound, last_k: k.upperBound, a: x.block(blocks.lowerBound), rows: count,
      c: c + first * ldc, c_row: ldc, beta: beta)
    unsafe ctk_multiply_bf16(&product)
  }

  /// Calls `body` with the C description of the stored weights.
  func withStored(_ body: (UnsafePointer<ctk_weight>) -> Void) {
    var view = unsafe view
    unsafe body(&view)
    withExtendedLifetime(self) {}
  }

  /// The C description of the stored weights, valid as long as this value is alive.
  var view: ctk_weight {
    var kind = ctk_weight_packed
    var values: UnsafePointer<UInt8>?
    var packed: UnsafePointer<ctk_packed>?
    switch self {
    case .dense(let tensor):
      kind = ctk_weight_f32
      unsafe values = UnsafeRawPointer(tensor.pointer).assumingMemoryBound(to: UInt8.self)
    case .stored(let format, let bytes, _, _):
      precondition(
        bytes.count == rows * columns * format.byteCount, "\(bytes.count) bytes of weights")
      kind =
        switch format {
        case .float32: ctk_weight_f32
        case .float16: ctk_weight_f16
        case .bfloat16: ctk_weight_bf16
        }
      unsafe values = bytes.withUnsafeBytes {
        unsafe $0.baseAddress?.assumingMemoryBound(to: UInt8.self)
      }
    case .packed(let matrix): unsafe packed = UnsafePointer(matrix.view.pointer)
    }
    return unsafe ctk_weight(
      kind: Int32(kind.rawValue), rows: rows, columns: columns, values: values, packed: packed)
  }
}
