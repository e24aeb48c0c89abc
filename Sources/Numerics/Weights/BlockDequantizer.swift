import Bytes
import CKernels

/// A tensor type of GGUF files. Raw values are GGUF's type numbers, and the cases keep its
/// spelling.
// swift-format-ignore: AlwaysUseLowerCamelCase
package enum BlockType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case bf16 = 30

  /// The type's usual name, such as "Q4_K".
  package var name: String {
    switch self {
    case .f32: "F32"
    case .f16: "F16"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q4_K: "Q4_K"
    case .q5_K: "Q5_K"
    case .q6_K: "Q6_K"
    case .bf16: "BF16"
    }
  }

  /// The float format of unquantized types; nil for quantized ones.
  package var floatFormat: FloatFormat? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }

  /// The unquantized type with values in `format`.
  package init(_ format: FloatFormat) {
    self =
      switch format {
      case .float32: .f32
      case .float16: .f16
      case .bfloat16: .bf16
      }
  }

  /// Weights per block; a row holds whole blocks.
  package var blockLength: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: 32
    case .q4_K, .q5_K, .q6_K: 256
    }
  }

  /// Bytes per block.
  package var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    }
  }

  /// Returns the size in bytes of `count` weights; nil if they aren't whole blocks or the size
  /// overflows.
  package func byteCount(of count: Int) -> Int? {
    guard count >= 0, count % blockLength == 0 else { return nil }
    let (bytes, overflowed) = (count / blockLength).multipliedReportingOverflow(by: blockBytes)
    return overflowed ? nil : bytes
  }

  /// Dequantizes whole blocks from `source`.
  fileprivate func expand(
    _ source: UnsafePointer<UInt8>, into weights: UnsafeMutablePointer<Float>, _ blocks: Int
  ) {
    switch self {
    case .f32: unsafe ctk_gguf_f32(source, weights, blocks)
    case .f16: unsafe ctk_gguf_f16(source, weights, blocks)
    case .bf16: unsafe ctk_gguf_bf16(source, weights, blocks)
    case .q4_0: unsafe ctk_gguf_q4_0(source, weights, blocks)
    case .q4_1: unsafe ctk_gguf_q4_1(source, weights, blocks)
    case .q5_0: unsafe ctk_gguf_q5_0(source, weights, blocks)
    case .q5_1: unsafe ctk_gguf_q5_1(source, weights, blocks)
    case .q8_0: unsafe ctk_gguf_q8_0(source, weights, blocks)
    case .q4_K: unsafe ctk_gguf_q4_k(source, weights, blocks)
    case .q5_K: unsafe ctk_gguf_q5_k(source, weights, blocks)
    case .q6_K: unsafe ctk_gguf_q6_k(source, weights, blocks)
    }
  }
}

/// Dequantization of GGUF blocks to float32, exactly by the formulas in gguf_blocks.c.
package enum BlockDequantizer {
  /// Returns the row-major tensor of `shape` stored in `bytes`, whose size must be that of the type
  /// for as many weights.
  ///
  /// With `rowOrder`, row r of the result is row `rowOrder[r]` of the blocks. Rows run along the
  /// first extent and must then hold whole blocks.
  package static func decode(
    _ bytes: ByteSlice, type: BlockType, shape: [Int], rowOrder: [Int]? = nil
  ) -> Tensor {
    let tensor = Tensor(uninitialized: shape)
    decode(bytes, type: type, into: tensor, rowOrder: rowOrder)
    return tensor
  }

  /// Dequantizes `bytes` into `tensor` (row-major). With `rowOrder`, row r of the result is row
  /// `rowOrder[r]` of the blocks; rows must then hold whole blocks.
  package static func decode(
    _ bytes: ByteSlice, type: BlockType, into tensor: Tensor, rowOrder: [Int]? = nil
  ) {
    precondition(!tensor.isReadOnly, "decoding into mapped values")
    precondition(
      bytes.count == type.byteCount(of: tensor.count),
      "\(bytes.count) bytes for \(tensor.count) weights of type \(type.name)")
    guard tensor.count > 0 else { return }
    if let rowOrder {
      decodeRows(bytes, type, tensor, rowOrder)
    } else {
      let blocks = tensor.count / type.blockLength
      Parallel.ranges(blocks, grain: max(1, 65536 / type.blockLength)) { range in
        expand(bytes, type, tensor, at: range.lowerBound * type.blockLength, range)
      }
    }
  }

  private static func decodeRows(
    _ bytes: ByteSlice, _ type: BlockType, _ tensor: Tensor, _ rowOrder: [Int]
  ) {
    let rows = tensor.rows
    precondition(
      rowOrder.count == rows && rowOrder.allSatisfy { (0..<rows).contains($0) },
      "an order of \(rowOrder.count) rows for \(rows)")
    let columns = tensor.columns
    precondition(columns % type.blockLength == 0, "rows that don't hold whole blocks")
    let blocks = columns / type.blockLength
    Parallel.ranges(rows, grain: max(1, 65536 / max(1, columns))) { range in
      for row in range {
        let first = rowOrder[row] * blocks
        expand(bytes, type, tensor, at: row * columns, first..<first + blocks)
      }
    }
  }

  /// Dequantizes `blocks` into the tensor, starting at flat index `start`.
  private static func expand(
    _ bytes: ByteSlice, _ type: BlockType, _ tensor: Tensor, at start: Int, _ blocks: Range<Int>
  ) {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return }
      let source = unsafe base.assumingMemoryBound(to: UInt8.self)
      unsafe type.expand(
        source + blocks.lowerBound * type.blockBytes, into: tensor.pointer + start, blocks.count)
    }
  }
}
