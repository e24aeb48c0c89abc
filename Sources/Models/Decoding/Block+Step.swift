import Numerics

extension Block {
  /// Runs one token of each text through this block, in place on `b.x` [texts, d].
  ///
  /// - Parameters:
  ///   - positions: the position of each text's token.
  ///   - caches: this block's keys and values of each text; the token's own are appended.
  /// - Returns: the first number that a cache can't hold, with its row of `b`, before which the
  ///   block stops; nil if there is none.
  func step(
    _ b: TextDecoder.Buffers, positions: [Int32], rotary: RotaryTable?, caches: [AttentionCache]
  ) -> (row: Int, number: AttentionCache.Unheld)? {
    norms.beforeAttention?.forward(b.x, into: b.norm)
    Linear.apply(
      [(q, b.q), (k, b.k), (v, b.v)], to: norms.beforeAttention == nil ? b.x : b.norm, arithmetic)
    headNorms?.apply(queries: b.q, keys: b.k, headDim: configuration.headDim)
    rotary?.apply(to: b.q, heads: configuration.heads, positions: positions)
    rotary?.apply(to: b.k, heads: configuration.kvHeads, positions: positions)
    for (row, cache) in caches.enumerated() {
      let own = row..<row + 1
      if let number = cache.append(keys: b.k.rows(own), values: b.v.rows(own)) {
        return (row, number)
      }
    }
    AttentionCache.attend(b.q, over: caches, heads: configuration.heads, into: b.attended)
    Linear.apply([(o, b.added)], to: b.attended, arithmetic)
    Vector.add(b.added, into: b.x)
    norms.afterAttention?.forward(b.x, into: b.x)

    norms.beforeFeedForward?.forward(b.x, into: b.norm)
    Linear.apply(
      feedForward.widening(into: b.wide), to: norms.beforeFeedForward == nil ? b.x : b.norm,
      arithmetic)
    feedForward.activate(b.wide, into: b.activated)
    Linear.apply([(feedForward.down, b.added)], to: b.activated, arithmetic)
    Vector.add(b.added, into: b.x)
    norms.afterFeedForward?.forward(b.x, into: b.x)
    return nil
  }
}

extension Linear {
  /// Applies several layers to the same rows, in one parallel loop if there are few rows.
  fileprivate static func apply(
    _ layers: [(layer: Linear, output: Tensor)], to x: Tensor, _ arithmetic: Arithmetic
  ) {
    if x.rows <= DecodeProducts.maxRows {
      DecodeProducts.multiply(
        x, layers.map { ($0.layer.weight, $0.output) }, arithmetic: arithmetic)
      for (layer, output) in layers { layer.addRest(x, to: output) }
    } else {
      let input = ProductInput(x, arithmetic)
      for (layer, output) in layers { layer.apply(input, into: output) }
    }
  }
}
