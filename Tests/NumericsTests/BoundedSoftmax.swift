import Numerics
import TestSupport

/// The softmax of scores that pass by in blocks, as float32 may have it: weights against the highest
/// score so far, which later blocks and other parts correct.
///
/// The highest score that a block subtracts is a float32 number like any other: whichever it is, it
/// cancels between a weight and the total. What counts is the rounding of three differences: of a
/// score and its block's highest, of all highest scores up to the part's, and of the part's and that
/// of all. Each is at most twice the largest score A, so that exponents are off by 6u·A in all. Each
/// block adds an exponential (2.2u) and a product (u) to a weight's way and to that of the total.
struct BoundedSoftmax {
  let scores: [Bounded]
  /// e^(score − highest).
  let weights: [Bounded]
  let total: Bounded
  /// log Σ e^score.
  let logSum: Bounded
  /// What the way through the blocks may change a weight by, relative to it and in its exponent.
  private let steps: Double
  private let exponentError: Double

  init(_ scores: [Bounded], blocks: Int) {
    self.scores = scores
    let most = scores.reduce(0) { max($0, $1.largest) }
    let top = scores.reduce(-Double.infinity) { max($0, $1.value) }
    let (steps, exponentError) = (Rounding.gamma(4 * blocks), 6 * Rounding.float32 * most)
    weights = scores.map { score in
      let weight = Bounded(score.value - top, error: score.error + exponentError).exponential
      return Bounded(weight.value, error: weight.error + steps * weight.largest)
    }
    total = .sum(weights)
    // highest + log(total), where the total is relative to the highest.
    let logarithm = total.logarithm
    logSum = Bounded(
      top + logarithm.value, error: logarithm.error + 2 * Rounding.float32 * most
    ).rounded()
    (self.steps, self.exponentError) = (steps, exponentError)
  }

  /// e^(score − logSum) of a score on its own.
  func probability(_ j: Int) -> Bounded { (scores[j] - logSum).exponential }

  /// The same by way of the blocks: a weight, times e^(highest − logSum) once they are all known.
  func blockwiseProbability(_ j: Int) -> Bounded {
    let p = Bounded(
      scores[j].value - logSum.value, error: scores[j].error + logSum.error + exponentError
    ).exponential
    return Bounded(p.value, error: p.error + steps * p.largest)
  }
}

/// Logits of hidden rows through an output head, and what losses make of them, as float32 or products
/// in bfloat16 may have it.
///
/// Inputs of bfloat16 products are rounded here as the kernels round them, so that they add nothing
/// to a bound.
struct BoundedHead {
  let rows: Int
  let vocabulary: Int
  let width: Int
  /// [vocabulary, width], as products see them.
  let weights: [Float]
  let softmaxes: [BoundedSoftmax]
  private let arithmetic: Arithmetic

  init(_ hidden: Tensor, _ head: Weight, _ arithmetic: Arithmetic) {
    (rows, vocabulary, width) = (hidden.rows, head.rows, head.columns)
    self.arithmetic = arithmetic
    weights = Self.inputs(head.dense().values, arithmetic)
    let logits = boundedProduct(
      Self.inputs(hidden.values, arithmetic), weights, m: rows, n: vocabulary, k: width,
      transposeB: true)
    let v = vocabulary
    // Eight parts, each in tiles of 192 tokens or more.
    softmaxes = (0..<rows).map {
      BoundedSoftmax(Array(logits[$0 * v..<($0 + 1) * v]), blocks: v / 8 / 192 + 2)
    }
  }

  static func inputs(_ values: [Float], _ arithmetic: Arithmetic) -> [Float] {
    arithmetic == .bfloat16 ? values.map(Rounding.toBFloat16) : values
  }

  /// Slopes to the logits [rows, vocabulary] on their way back through the head: [rows, width] each.
  func back(_ slopes: [Bounded]) -> [Bounded] {
    let factors =
      arithmetic == .bfloat16 ? slopes.map { $0.rounded(to: Rounding.bfloat16) } : slopes
    // Sums of parts and tiles, corrected from tile to tile.
    return boundedProduct(factors, weights, m: rows, n: width, k: vocabulary).map {
      $0.rounded(8 + 2 * (vocabulary / 8 / 192 + 2))
    }
  }

  /// Σ p·w over the vocabulary [rows, width].
  func means() -> [Bounded] {
    back(softmaxes.flatMap { row in (0..<vocabulary).map { row.blockwiseProbability($0) } })
  }
}
