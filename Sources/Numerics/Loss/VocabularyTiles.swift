import CKernels

/// Products of hidden rows [m, d] with an output head [V, d], one tile of the vocabulary at a time:
/// logits forward, and their gradients backward.
struct VocabularyTiles: Sendable {
  let hidden: Tensor
  let head: Weight
  /// The hidden rows in bfloat16; nil in float32.
  private let packed: PackedRows?

  init(_ hidden: Tensor, _ head: Weight, _ arithmetic: Arithmetic) {
    precondition(hidden.columns == head.columns)
    self.hidden = hidden
    self.head = head
    packed = arithmetic.available == .bfloat16 ? PackedRows(hidden) : nil
  }

  /// The number of parts of the vocabulary that are processed independently. Their results are
  /// combined in order, so they don't depend on the number of threads.
  static let parts = 8

  /// Computes the logits of one part of the vocabulary on the calling thread, `tile` tokens at a
  /// time. `body` receives the tokens, their logits [m, tile], and the scratch space for `addBack`.
  func forEachTile(
    _ tile: Int, part: Int,
    _ body: (_ tokens: Range<Int>, _ logits: Tensor, _ scratch: Tensor) -> Void
  ) {
    let scratch = scratch(tile)
    let logits = Tensor(uninitialized: [hidden.rows, tile])
    for tokens in Self.tiles(tile, part: part, of: head.rows) {
      self.logits(tokens, into: logits, stride: tile, scratch)
      body(tokens, logits, scratch)
    }
  }

  /// Returns the token ranges of one part of the vocabulary, `tile` tokens each.
  private static func tiles(_ tile: Int, part: Int, of vocabulary: Int) -> [Range<Int>] {
    let end = vocabulary * (part + 1) / parts
    return stride(from: vocabulary * part / parts, to: end, by: tile).map {
      $0..<min(end, $0 + tile)
    }
  }

  /// Allocates one thread's space for decoded weights: [tile, d], empty if none are decoded.
  func scratch(_ tile: Int) -> Tensor {
    Tensor(uninitialized: [head.isDense || packed != nil ? 0 : tile, head.columns])
  }

  /// Writes the logits of the tokens `range` to rows of `logits` that are `stride` values apart, on
  /// the calling thread.
  func logits(_ range: Range<Int>, into logits: Tensor, stride: Int, _ scratch: Tensor) {
    let (m, d) = (hidden.rows, head.columns)
    guard let packed else {
      let weights = unsafe head.floats(range, scratch: scratch.pointer)
      return unsafe Gemm(
        m: m, n: range.count, k: d, a: hidden.pointer, lda: d, b: weights, ldb: d,
        transposeB: true, c: logits.pointer, ldc: stride
      ).run()
    }
    unsafe head.withStored { weight in
      for n in Self.pieces(of: range) {
        unsafe Weight.multiply(
          weight, packed, packed.blocks, n, transposed: false, k: 0..<d,
          into: logits.pointer + (n.lowerBound - range.lowerBound), ldc: stride, beta: 0)
      }
    }
  }

  /// Adds slopes·W of the tokens `range` to `sums` [m, d], on the calling thread. It must follow
  /// the call of `logits` for the same tokens, because `scratch` then holds their decoded weights.
  func addBack(
    _ slopes: Tensor, stride: Int, _ range: Range<Int>, to sums: Tensor, _ scratch: Tensor
  ) {
    let (m, d) = (hidden.rows, head.columns)
    guard packed != nil else {
      let weights =
        head.isDense
        ? unsafe head.floats(range, scratch: scratch.pointer)
        : unsafe UnsafePointer(scratch.pointer)
      return unsafe Gemm(
        m: m, n: d, k: range.count, a: slopes.pointer, lda: stride, b: weights, ldb: d,
        c: sums.pointer, ldc: d, beta: 1
      ).run()
    }
    let rounded = PackedRows(rows: m, columns: range.count)
    unsafe rounded.pack(rounded.blocks, from: slopes.pointer, lda: stride)
    unsafe head.withStored { weight in
      for n in Self.pieces(of: 0..<d) {
        unsafe Weight.multiply(
          weight, rounded, rounded.blocks, n, transposed: true, k: range,
          into: sums.pointer + n.lowerBound, ldc: d, beta: 1)
      }
    }
  }

  /// Splits a range into pieces no wider than the columns of one kernel call.
  private static func pieces(of range: Range<Int>) -> [Range<Int>] {
    let step = Int(ctk_bf16_columns)
    return stride(from: range.lowerBound, to: range.upperBound, by: step).map {
      $0..<min(range.upperBound, $0 + step)
    }
  }
}
