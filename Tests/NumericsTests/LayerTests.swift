import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// The layers on tensors: their rows, offsets and options. The kernels' values are tested
  /// separately.
  @Suite struct Layers {
    /// Returns 1 / √(mean of squares + ε).
    private func inverse(_ values: [Bounded]) -> Bounded {
      let mean = Bounded.dot(values, values) / Bounded(Double(values.count))
      return Bounded(1) / (mean + Bounded(Float(1e-5))).squareRoot
    }

    @Test func rootMeanSquareNormalisation() {
      var random = TestRandom()
      let (x, gain, dy) = (random.tensor([70, 33]), random.tensor([33]), random.tensor([70, 33]))
      let (y, inverseRMS) = (Tensor([70, 33]), Tensor([70]))
      RMSNorm.forward(x, gain: gain, epsilon: 1e-5, into: y, inverseRMS: inverseRMS)
      let (dx, sum) = (Tensor([70, 33]), dy.copy())
      RMSNorm.backward(dy, x: x, gain: gain, inverseRMS: inverseRMS, into: dx)
      RMSNorm.backward(dy, x: x, gain: gain, inverseRMS: inverseRMS, into: sum, accumulate: true)
      for row in 0..<70 {
        let (values, slopes) = (rowOf(x, row), rowOf(dy, row))
        let r = inverse(values)
        expectClose([inverseRMS[row]], [r], "\(random.note)")
        expectClose(
          y.rows(row..<row + 1).values, zip(values, gain.values).map { $0 * r * Bounded($1) },
          "\(random.note)")
        // dx = g·r − x·r³·Σ(g·x)/n, where g = dy·gain.
        let scaled = zip(slopes, gain.values).map { $0 * Bounded($1) }
        let pull = Bounded.dot(scaled, values) * r * r * r / Bounded(33.0)
        let expected = zip(scaled, values).map { $0 * r - $1 * pull }
        expectClose(dx.rows(row..<row + 1).values, expected, "\(random.note)")
        expectClose(
          sum.rows(row..<row + 1).values, zip(expected, slopes).map { $0 + $1 },
          "accumulated, \(random.note)")
      }
    }

    @Test func layerNormalisation() {
      var random = TestRandom()
      let (x, dy) = (random.tensor([70, 33]), random.tensor([70, 33]))
      let (gain, bias) = (random.tensor([33]), random.tensor([33]))
      let (y, statistics) = (Tensor([70, 33]), (mean: Tensor([70]), inverse: Tensor([70])))
      LayerNorm.forward(
        x, gain: gain, bias: bias, epsilon: 1e-5, into: y, statistics: statistics)
      let dx = Tensor([70, 33])
      LayerNorm.backward(dy, x: x, gain: gain, statistics: statistics, into: dx)
      let count = Bounded(33.0)
      for row in 0..<70 {
        let values = rowOf(x, row)
        let mean = Bounded.sum(values) / count
        let left = values.map { $0 - mean }
        let r = inverse(left)
        expectClose(
          [statistics.mean[row], statistics.inverse[row]], [mean, r], "\(random.note)")
        let normed = left.map { $0 * r }
        let expected = (0..<33).map { normed[$0] * Bounded(gain[$0]) + Bounded(bias[$0]) }
        expectClose(y.rows(row..<row + 1).values, expected, "\(random.note)")
        // dx = (g − Σg/n − x̂·Σ(g·x̂)/n)·r, where g = dy·gain and x̂ = (x − mean)·r.
        let scaled = zip(rowOf(dy, row), gain.values).map { $0 * Bounded($1) }
        let (shift, pull) = (Bounded.sum(scaled) / count, Bounded.dot(scaled, normed) / count)
        expectClose(
          dx.rows(row..<row + 1).values,
          zip(scaled, normed).map { ($0 - shift - $1 * pull) * r }, "\(random.note)")
      }
      let over = dy.copy()
      LayerNorm.backward(over, x: x, gain: gain, statistics: statistics, into: over)
      #expect(over.values == dx.values, "\(random.note)")
    }

    private func rowOf(_ tensor: Tensor, _ row: Int) -> [Bounded] {
      exact(tensor.rows(row..<row + 1).values)
    }

    /// The backward formulas in float64 equal the finite differences of the forward ones.
    ///
    /// The functions are smooth and of the magnitude of their inputs. A step of 10⁻⁵ leaves an
    /// error of some 10⁻¹⁰ from third derivatives and 2⁻⁵³·33/10⁻⁵ ≈ 10⁻¹⁰ from rounding, ten
    /// thousand times below the bound.
    @Test(arguments: [false, true]) func normalisationGradientsMatchFiniteDifferences(centred: Bool)
    {
      var random = TestRandom("\(centred)")
      let n = 33
      func doubles() -> [Double] { random.floats(n).map(Double.init) }
      let (x, gain, dy, direction) = (doubles(), doubles(), doubles(), doubles())
      func forward(_ x: [Double]) -> (normed: [Double], inverse: Double) {
        let mean = centred ? x.reduce(0, +) / Double(n) : 0
        let left = x.map { $0 - mean }
        let r = 1 / (left.reduce(0) { $0 + $1 * $1 } / Double(n) + 1e-5).squareRoot()
        return (left.map { $0 * r }, r)
      }
      func value(_ step: Double) -> Double {
        let moved = zip(x, direction).map { $0 + step * $1 }
        return zip(forward(moved).normed, zip(gain, dy)).reduce(0) { $0 + $1.0 * $1.1.0 * $1.1.1 }
      }
      let (normed, r) = forward(x)
      let scaled = zip(gain, dy).map { $0 * $1 }
      let shift = centred ? scaled.reduce(0, +) / Double(n) : 0
      let pull = zip(scaled, normed).reduce(0) { $0 + $1.0 * $1.1 } / Double(n)
      let slope = (0..<n).reduce(0.0) {
        $0 + (scaled[$1] - shift - normed[$1] * pull) * r * direction[$1]
      }
      let difference = (value(1e-5) - value(-1e-5)) / 2e-5
      #expect(abs(slope - difference) <= 1e-6 * (1 + abs(slope)), "\(random.note)")
    }

    /// The "rotate half" order: at position 1 and frequency π/2, (1, 0) becomes (0, 1).
    @Test func rotationConvention() {
      let table = RotaryTable(
        headDim: 4, positions: 3, inverseFrequencies: [.pi / 2, 0.5], attentionFactor: 2)
      let x = Tensor([2, 8], [1, 1, 0, 0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8])
      let before = x.values
      table.apply(to: x, heads: 2, positions: [1, 0])
      let (c, s) = (2 * Float(cos(0.5)), 2 * Float(sin(0.5)))
      // Values are at most 8, and cosines and sines are off by a few units in the last place of 2.
      func expectNear(_ a: some Collection<Float>, _ b: [Float], _ note: Comment) {
        expectClose(a, b.map { Bounded(Double($0), error: 16 * 8 * 2 * Rounding.float32) }, note)
      }
      expectNear(x.values[0..<8], [0, c, 2, s, -2, -s, 0, c], "first row")
      expectNear(x.values[8...], before[8...].map { 2 * $0 }, "position 0 only scales")
      table.apply(to: x, heads: 2, positions: [1, 0], inverse: true)
      expectNear(x.values, before.map { 4 * $0 }, "back again")
    }

    @Test func activationInPlace() {
      var random = TestRandom()
      let (gate, up) = (random.tensor([3, 20_000]), random.tensor([3, 20_000]))
      let expected = zip(exact(gate.values), exact(up.values)).map { g, u in
        g * (Bounded(1) / (Bounded(1) + (-g).exponential)) * u
      }
      let h = gate.copy()
      SwiGLU.forward(h, up, into: h)
      expectClose(h.values, expected, "\(random.note)")
      let dh = random.tensor([3, 20_000])
      let (dGate, dUp) = (Tensor(gate.shape), Tensor(gate.shape))
      SwiGLU.backward(dh, gate: gate, up: up, dGate: dGate, dUp: dUp)
      let (g, u) = (gate.copy(), up.copy())
      SwiGLU.backward(dh, gate: g, up: u, dGate: g, dUp: u)
      #expect(g.values == dGate.values && u.values == dUp.values, "\(random.note)")
    }

    @Test func vectors() {
      var random = TestRandom()
      let (a, b) = (random.tensor([3, 40_000]), random.tensor([3, 40_000]))
      let sum = b.copy()
      Vector.add(a, into: sum)
      #expect(sum.values == zip(a.values, b.values).map { $1 + $0 }, "\(random.note)")
      let squares = a.values.reduce(0.0) { $0 + Double($1) * Double($1) }
      // Two sums of 120,000 positive terms in float64.
      let bound = 2 * Rounding.gamma(a.count + 1, Rounding.float64)
      #expect(abs(Vector.sumOfSquares(a) - squares) <= bound * squares, "\(random.note)")
      let rows = Tensor([2, 3], [1, 2, 3, 4, 5, 6])
      Vector.addToRows(Tensor([3], [10, 20, 30]), of: rows)
      Vector.scale(rows, by: 2)
      #expect(rows.values == [22, 44, 66, 28, 50, 72])
      #expect(Vector.isFinite(rows))
      rows[1, 1] = .infinity
      #expect(!Vector.isFinite(rows))
    }
  }
}
