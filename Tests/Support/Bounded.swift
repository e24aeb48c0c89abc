import Foundation

/// A real number, and a bound on how far a float32 computation of it may be off:
/// |computed − value| ≤ error.
///
/// Written as the computation is, an expression of these carries its own proof: every operation
/// passes on the errors of its operands and adds what its own rounding may add (running error
/// analysis; Higham, Accuracy and Stability of Numerical Algorithms, section 3.3). Operations may be
/// fused or take place in any order of summation: that rounds no more often than is counted here.
/// The values are computed in float64; its own error is 2⁻²⁹ of the bounds, less than the slack of
/// counting a sum's first addition, which is exact.
package struct Bounded: Sendable {
  package var value: Double
  package var error: Double

  package init(_ value: Double, error: Double = 0) { (self.value, self.error) = (value, error) }

  /// An input: exact.
  package init(_ value: Float) { self.init(Double(value)) }

  /// The largest absolute value that the computed number can have.
  package var largest: Double { abs(value) + error }

  /// The number rounded `times` more, to a format of unit roundoff `unit`.
  package func rounded(_ times: Int = 1, to unit: Double = Rounding.float32) -> Bounded {
    Bounded(value, error: error + Rounding.gamma(times, unit) * largest + Rounding.smallest)
  }

  package static prefix func - (a: Bounded) -> Bounded { Bounded(-a.value, error: a.error) }

  package static func + (a: Bounded, b: Bounded) -> Bounded {
    Bounded(a.value + b.value, error: a.error + b.error).rounded()
  }

  package static func - (a: Bounded, b: Bounded) -> Bounded { a + -b }

  package static func * (a: Bounded, b: Bounded) -> Bounded { exactly(a, b).rounded() }

  /// a·b without a rounding of its own.
  fileprivate static func exactly(_ a: Bounded, _ b: Bounded) -> Bounded {
    Bounded(
      a.value * b.value,
      error: abs(a.value) * b.error + abs(b.value) * a.error + a.error * b.error)
  }

  /// b must be away from 0 by more than its error.
  package static func / (a: Bounded, b: Bounded) -> Bounded {
    let least = abs(b.value) - b.error
    precondition(least > 0, "a divisor that may be 0: \(b)")
    let value = a.value / b.value
    // |ã/b̃ − a/b| = |(ã − a) − (b̃ − b)·a/b| / |b̃|
    return Bounded(value, error: (a.error + b.error * abs(value)) / least).rounded()
  }

  /// The sum, in any order.
  package static func sum(_ terms: some Collection<Bounded>) -> Bounded {
    var sum = BoundedSum()
    for term in terms { sum.add(term) }
    return sum.total()
  }

  /// Σ a·b, in any order, products fused into the sum or not.
  package static func dot(_ a: some Collection<Bounded>, _ b: some Collection<Bounded>) -> Bounded {
    precondition(a.count == b.count)
    var sum = BoundedSum()
    for (x, y) in zip(a, b) { sum.add(x, y) }
    return sum.total()
  }

  /// The larger of two: off by no more than the worse of them.
  package static func max(_ a: Bounded, _ b: Bounded) -> Bounded {
    Bounded(Swift.max(a.value, b.value), error: Swift.max(a.error, b.error))
  }

  /// eˣ by a function that is off by 1.1 units in the last place at most (so `ctk_exp` promises, and
  /// the C library does better): 1.1·2⁻²³ of the value, and nothing below e^−87.34.
  package var exponential: Bounded {
    let exact = exp(value)
    return Bounded(
      exact,
      error: exact * (expm1(error) + 2.2 * Rounding.float32 * exp(error))
        + 2 * Rounding.smallest)
  }

  /// The natural logarithm by a function that is off by one unit in the last place at most. The number
  /// must be above 0 by more than its error.
  package var logarithm: Bounded {
    precondition(value > error, "a logarithm of what may be 0: \(self)")
    return Bounded(log(value), error: -log1p(-error / value)).rounded(2)
  }

  /// The square root, rounded once. The number must be above 0 by more than its error.
  package var squareRoot: Bounded {
    precondition(value > error, "a root of what may be below 0: \(self)")
    let exact = value.squareRoot()
    return Bounded(exact, error: exact - (value - error).squareRoot()).rounded()
  }
}

/// A sum of `Bounded` terms while it is being added up.
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

  /// Adds a·b, the product rounded before it is added, or fused into the sum.
  package mutating func add(_ a: Bounded, _ b: Bounded) {
    add(Bounded.exactly(a, b))
    products += 1
  }

  /// The sum with its own error: a term is rounded in each of the additions that it goes through, of
  /// which there are fewer than terms in any order, once as a product, and `more` times.
  package func total(more: Int = 0) -> Bounded {
    total(roundings: count + (products > 0 ? 1 : 0) + more)
  }

  /// The sum where no term goes through more than so many roundings.
  package func total(roundings: Int) -> Bounded {
    let own = Rounding.gamma(roundings) * size + Double(products) * Rounding.smallest
    return Bounded(value, error: error + own)
  }
}
