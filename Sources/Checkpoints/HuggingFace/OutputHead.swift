import Bytes

/// The output head of a checkpoint whose `config.json` says that it is the embedding
/// (`tie_word_embeddings`), as transformers decides it from the tensors (5.23,
/// `PreTrainedModel.tie_weights`).
enum OutputHead {
  /// The embedding alone, or a head that repeats it.
  case tied
  /// A head that differs from the embedding, which is used in spite of the setting.
  case own
  /// A head without an embedding, which is used as both.
  case shared

  /// - Parameters:
  ///   - embedding: The embedding, [V, e]; nil if the checkpoint has none.
  ///   - head: The head, [V, e]; nil if the checkpoint has none.
  init(embedding: WeightEntry?, head: WeightEntry?) {
    switch (embedding, head) {
    case (_, nil): self = .tied
    case (nil, _?): self = .shared
    case (let embedding?, let head?): self = Self.areEqual(embedding, head) ? .tied : .own
    }
  }

  /// Whether two tensors of floats have the same shape and values.
  private static func areEqual(_ a: WeightEntry, _ b: WeightEntry) -> Bool {
    guard a.shape == b.shape, let x = a.type.floatFormat, let y = b.type.floatFormat else {
      return false
    }
    defer {
      a.release()
      b.release()
    }
    let (left, right) = (a.bytes, b.bytes)
    let count = left.count / x.byteCount
    for start in stride(from: 0, to: count, by: piece) {
      let end = min(count, start + piece)
      guard let p = left.slice(start * x.byteCount..<end * x.byteCount),
        let q = right.slice(start * y.byteCount..<end * y.byteCount)
      else { return false }
      if x == y, p.array == q.array { continue }
      guard zip(p.floats(as: x), q.floats(as: y)).allSatisfy({ $0 == $1 }) else { return false }
    }
    return true
  }

  /// Values per piece: 4 MiB in float32.
  private static let piece = 1 << 20
}
