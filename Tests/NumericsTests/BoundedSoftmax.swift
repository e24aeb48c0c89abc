import Numerics
import TestSupport

/// An online softmax of scores in blocks, with a bound on its float32 error. Weights are relative
/// to the highest score so far, and are corrected for later blocks and other parts.
///
/// The highest score that a block subtracts cancels between a weight and the total, so its own
/// error doesn't matter. Three differences are rounded: between a score and its block's highest,
/// between successive highest scores within a part, and between the part's highest and that of all
/// parts. Each is at most twice the largest score A, so exponents are off by at most 6u·A. Each
/// block multiplies the weights and the total by one more exponential (2.2u), with a product (u).
struct BoundedSoftmax {
  let scores: [Bounded]
  /// e^(score − highest).
  let weights: [Bounded]
  let total: Bounded
  /// log Σ e^score.
  let logSum: Bounded
  /// The relative error of a weight from the corrections of all blocks.
  private let steps: Double
  /// The absolute error of a weight's exponent.
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
    // log Σ e^score is highest + log(total), because the total is relative to the highest score.
    let logarithm = total.logarithm
    logSum = Bounded(
      top + logarithm.value, error: logarithm.error + 2 * Rounding.float32 * most
    ).rounded()
    (self.steps, self.exponentError) = (steps, exponentError)
  }

  /// e^(score − logSum), computed directly.
  func probability(_ j: Int) -> Bounded { (scores[j] - logSum).exponential }

  /// e^(score − logSum), computed as a corrected weight times e^(highest − logSum).
  func blockwiseProbability(_ j: Int) -> Bounded {
    let p = Bounded(
      scores[j].value - logSum.value, error: scores[j].error + logSum.error + exponentError
    ).exponential
    return Bounded(p.value, error: p.error + steps * p.largest)
  }
}

/// An output head and the losses computed from its logits, with bounds on their errors in float32
/// or with bfloat16 products.
///
/// Inputs of bfloat16 products are rounded here like in the kernels, so they add nothing to a
/// bound.
struct BoundedHead {
  let rows: Int
  let vocabulary: Int
  let width: Int
  /// The head's weights [vocabulary, width], rounded for the products.
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
    // The vocabulary is cut into eight parts, each into tiles of 192 tokens or more.
    softmaxes = (0..<rows).map {
      BoundedSoftmax(Array(logits[$0 * v..<($0 + 1) * v]), blocks: v / 8 / 192 + 2)
    }
  }

  static func inputs(_ values: [Float], _ arithmetic: Arithmetic) -> [Float] {
    arithmetic == .bfloat16 ? values.map(Rounding.toBFloat16) : values
  }

  /// Returns slopes·W, [rows, width]: the gradients of the hidden rows from those of the logits
  /// [rows, vocabulary].
  func back(_ slopes: [Bounded]) -> [Bounded] {
    let factors =
      arithmetic == .bfloat16 ? slopes.map { $0.rounded(to: Rounding.bfloat16) } : slopes
    // The sums of parts and tiles are corrected from tile to tile.
    return boundedProduct(factors, weights, m: rows, n: width, k: vocabulary).map {
      $0.rounded(8 + 2 * (vocabulary / 8 / 192 + 2))
    }
  }

  /// Returns Σ p·w over the vocabulary, [rows, width].
  func means() -> [Bounded] {
    back(softmaxes.flatMap { row in (0..<vocabulary).map { row.blockwiseProbability($0) } })
  }
}
