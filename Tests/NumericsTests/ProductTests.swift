import Bytes
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct Products {
    @Test func multipliesInEveryOrientation() {
      for (m, n, k) in [(1, 1, 1), (3, 5, 7), (17, 33, 65), (129, 31, 16), (300, 780, 40)] {
        for (transposeA, transposeB) in [
          (false, false), (true, false), (false, true), (true, true),
        ] {
          var random = TestRandom("\(m)×\(n)×\(k) \(transposeA) \(transposeB)")
          let a = random.tensor(transposeA ? [k, m] : [m, k])
          let b = random.tensor(transposeB ? [n, k] : [k, n])
          let c = random.tensor([m, n])
          let before = c.values
          MatMul.multiply(
            a, b, into: c, transposeA: transposeA, transposeB: transposeB, alpha: 0.5, beta: -2)
          // Factors that are powers of two are exact in any order of operations.
          let expected = boundedProduct(
            a.values.map { 0.5 * $0 }, b.values, m: m, n: n, k: k, transposeA: transposeA,
            transposeB: transposeB, onto: before.map { Bounded(-2 * $0) })
          expectClose(
            c.values, expected,
            "\(m)×\(n)×\(k) \(transposeA) \(transposeB), \(random.note)")
        }
      }
    }

    @Test func gramIsSymmetricAndAccumulates() {
      for (m, k) in [(1, 1), (5, 3), (40, 33), (70, 300)] {
        var random = TestRandom("\(m)×\(k)")
        let x = random.tensor([m, k])
        let h = Tensor([k, k])
        h.fill(2)
        MatMul.gram(x, into: h, scale: 0.25, keep: 0.5)
        let expected = boundedProduct(
          x.values.map { 0.25 * $0 }, x.values, m: k, n: k, k: m, transposeA: true,
          onto: [Bounded](repeating: Bounded(1.0), count: k * k))
        expectClose(h.values, expected, "\(random.note)")
        for i in 0..<k { for j in 0..<i { #expect(h[i, j] == h[j, i]) } }
      }
    }

    @Test func quadraticFormsTakeHalfOfTheSymmetricMatrix() {
      for (n, k) in [(1, 1), (3, 95), (40, 97), (1201, 40), (70, 300)] {
        var random = TestRandom("\(n)×\(k)")
        let (a, h) = (random.tensor([n, k]), random.tensor([k, k]))
        for i in 0..<k { for j in 0..<i { h[i, j] = h[j, i] } }
        // Products a·h are float32. They are summed in float64, whose error is 2⁻²⁹ of theirs.
        let product = boundedProduct(a.values, h.values, m: n, n: k, k: k)
        let terms = zip(product, a.values).map {
          Bounded($0.value * Double($1), error: $0.error * Double(abs($1)))
        }
        let expected = terms.reduce(0) { $0 + $1.value }
        let bound = terms.reduce(0) { $0 + $1.error }
        let found = MatMul.quadraticForm(a, h)
        #expect(
          abs(found - expected) <= bound,
          "\(n)×\(k): \(found), expected \(expected) within \(bound), \(random.note)")
      }
    }

    @Test func trianglesMultiplyAsWholeMatricesToTheBit() {
      for (m, k) in [(1, 1), (3, 95), (40, 97), (1201, 40), (70, 300), (130, 1000)] {
        var random = TestRandom("\(m)×\(k)")
        let (a, u) = (random.tensor([m, k]), random.tensor([k, k]))
        for i in 0..<k { for j in 0..<i { u[i, j] = 0 } }
        for transposed in [false, true] {
          let (whole, c) = (Tensor([m, k]), random.tensor([m, k]))
          MatMul.multiply(a, u, into: whole, transposeB: transposed)
          MatMul.multiply(a, upper: u, into: c, transposed: transposed)
          #expect(c.values == whole.values, "\(m)×\(k) \(transposed), \(random.note)")
        }
      }
    }

    /// Dense, half-precision and packed weights, few rows (decode products) and many (tiles),
    /// forward and transposed.
    @Test(arguments: [1, 3, 8, 9, 33, 65])
    func weightsOfEveryKind(m: Int) throws {
      for (outputs, inputs) in [(1, 1), (7, 5), (33, 65), (130, 127)] {
        var random = TestRandom("\(m) \(outputs)×\(inputs)")
        for (name, weight) in try Self.weights(outputs, inputs, &random) {
          let w = weight.dense().values
          for accumulate in [false, true] {
            let note: Comment =
              "\(name) [\(outputs), \(inputs)], m \(m), accumulate \(accumulate), \(random.note)"
            let x = random.tensor([m, inputs])
            let y = random.tensor([m, outputs])
            let expected = boundedProduct(
              x.values, w, m: m, n: outputs, k: inputs, transposeB: true,
              onto: accumulate ? exact(y.values) : nil)
            weight.apply(x, into: y, accumulate: accumulate)
            expectClose(y.values, expected, note)

            let dy = random.tensor([m, outputs])
            let dx = random.tensor([m, inputs])
            let back = boundedProduct(
              dy.values, w, m: m, n: inputs, k: outputs, onto: accumulate ? exact(dx.values) : nil)
            weight.applyTransposed(dy, into: dx, accumulate: accumulate)
            expectClose(dx.values, back, note)
          }
        }
      }
    }

    @Test func gatherTakesRows() throws {
      var random = TestRandom()
      for (name, weight) in try Self.weights(40, 33, &random) {
        let rows: [Int32] = [39, 0, 7, 7]
        let result = Tensor([4, 33])
        weight.gather(rows, into: result)
        let all = weight.dense()
        for (i, row) in rows.enumerated() {
          #expect(
            result.rows(i..<i + 1).values == all.rows(Int(row)..<Int(row) + 1).values,
            "\(name), \(random.note)")
        }
      }
    }

    /// Weights decoded inside the product give bitwise the results of weights decoded before it.
    @Test(arguments: [9, 40])
    func decodingInTheProductChangesNothing(m: Int) throws {
      for (outputs, inputs) in [(70, 130), (97, 1601), (9, 5000), (80, 832)] {
        var random = TestRandom("\(m) \(outputs)×\(inputs)")
        let (x, dy) = (random.tensor([m, inputs]), random.tensor([m, outputs]))
        var weights = try Self.weights(outputs, inputs, &random)
        for group in [32, 64, 128] {
          let plain = PlainPacking(
            rows: outputs, columns: inputs, bits: [2, 3, 4, 8][random.below(4)], groupSize: group,
            withZeros: true, masked: true, &random)
          weights.append(("groups of \(group), masked", .packed(try plain.packed())))
        }
        atEveryLevel { level in
          for (name, weight) in weights {
            let dense = Weight.dense(weight.dense())
            let (y, expected) = (Tensor([m, outputs]), Tensor([m, outputs]))
            weight.apply(x, into: y)
            dense.apply(x, into: expected)
            let note: Comment = "\(name) [\(outputs), \(inputs)], \(level), \(random.note)"
            #expect(y.values == expected.values, note)
            let (dx, expectedBack) = (Tensor([m, inputs]), Tensor([m, inputs]))
            weight.applyTransposed(dy, into: dx)
            dense.applyTransposed(dy, into: expectedBack)
            #expect(dx.values == expectedBack.values, note)
          }
        }
      }
    }

    @Test func threadsDoNotChangeABit() throws {
      var random = TestRandom()
      let dy = random.tensor([300, 900])
      for (rows, columns) in [(900, 200), (912, 192)] {
        let (x, dy) = (random.tensor([300, columns]), random.tensor([300, rows]))
        for (name, weight) in try Self.weights(rows, columns, &random) {
          expectSameForAllThreadCounts("\(name), \(random.note)") {
            let y = Tensor([300, rows])
            let dx = Tensor([300, columns])
            weight.apply(x, into: y)
            weight.applyTransposed(dy, into: dx)
            let few = Tensor([6, rows])
            weight.apply(x.rows(0..<3), into: few.rows(0..<3))
            weight.apply(x.rows(0..<3), into: few.rows(3..<6), arithmetic: .bfloat16)
            return y.values + dx.values + few.values
          }
        }
      }
      expectSameForAllThreadCounts("gram, \(random.note)") {
        let h = Tensor([900, 900])
        MatMul.gram(dy, into: h, scale: 1, keep: 0)
        return h.values
      }
    }

    static func weights(
      _ rows: Int, _ columns: Int, _ random: inout TestRandom
    ) throws -> [(String, Weight)] {
      let halves = (0..<rows * columns).flatMap { _ in
        PlainPacking.float16(Float(random.below(4000) - 2000) / 1024)
      }
      let brains = random.floats(rows * columns).flatMap { value in
        [UInt8(value.bitPattern >> 16 & 255), UInt8(value.bitPattern >> 24)]
      }
      var result: [(String, Weight)] = [
        ("dense", .dense(random.tensor([rows, columns]))),
        ("f16", .stored(.float16, ByteSlice(halves), rows: rows, columns: columns)),
        ("bf16", .stored(.bfloat16, ByteSlice(brains), rows: rows, columns: columns)),
      ]
      for bits in [2, 3, 4, 8] {
        let plain = PlainPacking(
          rows: rows, columns: columns, bits: bits, groupSize: 48, withZeros: bits != 4,
          masked: bits == 3, exponent: bits == 8 ? -6 : -1, &random)
        result.append(("\(bits) bits", .packed(try plain.packed())))
      }
      for (kept, of) in [(2, 4), (4, 8), (3, 7), (1, 2)] {
        let plain = PlainPacking(
          rows: rows, columns: columns, bits: min(kept + 1, 4), groupSize: 64, withZeros: of != 2,
          masked: false, pattern: (kept, of), &random)
        result.append(("\(kept) of \(of)", .packed(try plain.packed())))
      }
      guard rows % 16 == 0, columns % 64 == 0 else { return result }
      for pattern in [nil, (2, 4), (1, 4)] {
        var plain = PlainPacking(
          rows: rows, columns: columns, bits: 4, groupSize: 64, withZeros: true, masked: true,
          pattern: pattern, &random)
        plain.interleaved = true
        result.append(
          ("interleaved, \(pattern.map { "\($0)" } ?? "masked")", .packed(try plain.packed())))
      }
      return result
    }
  }
}
