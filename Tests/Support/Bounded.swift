import Foundation

/// A real number with a bound on the error of its float32 computation: |computed − value| ≤ error.
///
/// An expression of bounded numbers, written like the computation, derives the bound of its result:
/// each operation propagates the errors of its operands and adds its own rounding error (running
/// error analysis; Higham, Accuracy and Stability of Numerical Algorithms, section 3.3). Bounds
/// also hold for fused operations and for any order of summation, which don't round more often.
/// Values are computed in float64, whose error is 2⁻²⁹ of the bounds, less than the slack of
/// counting a sum's first addition, which is exact.
package struct Bounded: Sendable {
  package var value: Double
  package var error: Double

  package init(_ value: Double, error: Double = 0) { (self.value, self.error) = (value, error) }

  /// An exact input.
  package init(_ value: Float) { self.init(Double(value)) }

  /// The largest magnitude that the computed number can have.
  package var largest: Double { abs(value) + error }

  /// Returns the number after `times` more roundings to a format with unit roundoff `unit`.
  package func rounded(_ times: Int = 1, to unit: Double = Rounding.float32) -> Bounded {
    Bounded(value, error: error + Rounding.gamma(times, unit) * largest + Rounding.smallest)
  }

  package static prefix func - (a: Bounded) -> Bounded { Bounded(-a.value, error: a.error) }

  package static func + (a: Bounded, b: Bounded) -> Bounded {
    Bounded(a.value + b.value, error: a.error + b.error).rounded()
  }

  package static func - (a: Bounded, b: Bounded) -> Bounded { a + -b }

  package static func * (a: Bounded, b: Bounded) -> Bounded { exactly(a, b).rounded() }

  /// a·b without rounding the product.
  fileprivate static func exactly(_ a: Bounded, _ b: Bounded) -> Bounded {
    Bounded(
      a.value * b.value,
      error: abs(a.value) * b.error + abs(b.value) * a.error + a.error * b.error)
  }

  /// a / b; |b| must exceed b's error.
  package static func / (a: Bounded, b: Bounded) -> Bounded {
    let least = abs(b.value) - b.error
    precondition(least > 0, "a divisor that may be 0: \(b)")
    let value = a.value / b.value
    // |ã/b̃ − a/b| = |(ã − a) − (b̃ − b)·a/b| / |b̃|
    return Bounded(value, error: (a.error + b.error * abs(value)) / least).rounded()
  }

  /// The sum of the terms in any order.
  package static func sum(_ terms: some Collection<Bounded>) -> Bounded {
    var sum = BoundedSum()
    for term in terms { sum.add(term) }
    return sum.total()
  }

  /// Σ a·b in any order, with or without fused products.
  package static func dot(_ a: some Collection<Bounded>, _ b: some Collection<Bounded>) -> Bounded {
    precondition(a.count == b.count)
    var sum = BoundedSum()
    for (x, y) in zip(a, b) { sum.add(x, y) }
    return sum.total()
  }

  /// The larger of two numbers. Its error is at most the larger of theirs.
  package static func max(_ a: Bounded, _ b: Bounded) -> Bounded {
    Bounded(Swift.max(a.value, b.value), error: Swift.max(a.error, b.error))
  }

  /// eˣ by a function with an error of at most 1.1 units in the last place, which is 1.1·2⁻²³ of
  /// the value, and with a result of 0 below e^−87.34. (`ctk_exp` guarantees this; the C library's
  /// error is smaller.)
  package var exponential: Bounded {
    let exact = exp(value)
    return Bounded(
      exact,
      error: exact * (expm1(error) + 2.2 * Rounding.float32 * exp(error))
        + 2 * Rounding.smallest)
  }

  /// The natural logarithm by a function with an error of at most one unit in the last place. The
  /// number must exceed its error.
  package var logarithm: Bounded {
    precondition(value > error, "logarithm of a number that may be 0: \(self)")
    return Bounded(log(value), error: -log1p(-error / value)).rounded(2)
  }

  /// The square root, rounded once. The number must exceed its error.
  package var squareRoot: Bounded {
    precondition(value > error, "square root of a number that may be negative: \(self)")
    let exact = value.squareRoot()
    return Bounded(exact, error: exact - (value - error).squareRoot()).rounded()
  }
}

/// An accumulator for a sum of `Bounded` terms.
package struct BoundedSum: Sendable {
  private var value = 0.0
  private var error = 0.0
  private var size = 0.0
  private var count = 0
  private var products = 0

  package init() {}

  package mutating func add(_ term: Bounded) {
    value += term.value
    error += term.error
    size += term.largest
    count += 1
  }

  /// Adds a·b, where the product may be rounded before the addition or fused with it.
  package mutating func add(_ a: Bounded, _ b: Bounded) {
    add(Bounded.exactly(a, b))
    products += 1
  }

  /// The sum with its rounding error. In any order, a term goes through fewer additions than there
  /// are terms and is rounded in each, once as a product, and `more` times.
  package func total(more: Int = 0) -> Bounded {
    total(roundings: count + (products > 0 ? 1 : 0) + more)
  }

  /// The sum for an order in which each term is rounded at most `roundings` times.
  package func total(roundings: Int) -> Bounded {
    let own = Rounding.gamma(roundings) * size + Double(products) * Rounding.smallest
    return Bounded(value, error: error + own)
  }
}
