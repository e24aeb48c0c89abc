import CKernels
import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Products in bfloat16 against float64 arithmetic on operands rounded to bfloat16.
  @Suite(.enabled(if: Arithmetic.bfloat16.isAvailable, "needs AVX-512 with BF16, VNNI and VBMI2"))
  struct BFloat16 {
    @Test(arguments: [9, 12, 13, 37, 130])
    func weightsOfEveryKind(m: Int) throws {
      for (outputs, inputs) in [(7, 5), (33, 65), (130, 127), (97, 1601)] {
        var random = TestRandom("\(m) \(outputs)×\(inputs)")
        for (name, weight) in try Products.weights(outputs, inputs, &random) {
          let w = weight.dense().values.map(Rounding.toBFloat16)
          for accumulate in [false, true] {
            let note: Comment =
              "\(name) [\(outputs), \(inputs)], m \(m), accumulate \(accumulate), \(random.note)"
            let x = random.tensor([m, inputs])
            let y = random.tensor([m, outputs])
            let expected = boundedProduct(
              x.values.map(Rounding.toBFloat16), w, m: m, n: outputs, k: inputs, transposeB: true,
              onto: accumulate ? exact(y.values) : nil)
            weight.apply(x, into: y, accumulate: accumulate, arithmetic: .bfloat16)
            expectClose(y.values, expected, note)

            let dy = random.tensor([m, outputs])
            let dx = random.tensor([m, inputs])
            let back = boundedProduct(
              dy.values.map(Rounding.toBFloat16), w, m: m, n: inputs, k: outputs,
              onto: accumulate ? exact(dx.values) : nil)
            weight.applyTransposed(dy, into: dx, accumulate: accumulate, arithmetic: .bfloat16)
            expectClose(dx.values, back, note)
          }
        }
      }
    }

    /// Decode products of codes with 16-bit inputs, for groups of every kind.
    @Test(arguments: [1, 2, 3, 4, 5, 8])
    func decodeProducts(m: Int) throws {
      for (outputs, inputs) in [(7, 5), (33, 65), (130, 127), (66, 1601), (70, 256), (48, 192)] {
        var random = TestRandom("\(m) \(outputs)×\(inputs)")
        var weights = try Products.weights(outputs, inputs, &random)
        for group in [4, 16, 32, 64, 128, 100, inputs] where group <= inputs {
          for masked in [false, true] {
            let plain = PlainPacking(
              rows: outputs, columns: inputs, bits: [2, 3, 4, 8][random.below(4)],
              groupSize: group, withZeros: group != 64, masked: masked, &random)
            weights.append(("groups of \(group), mask \(masked)", .packed(try plain.packed())))
          }
          let pattern = PlainPacking(
            rows: outputs, columns: inputs, bits: [2, 3, 4, 8][random.below(4)], groupSize: group,
            withZeros: group != 32, masked: false, pattern: (2, 4), &random)
          weights.append(("groups of \(group), 2 of 4", .packed(try pattern.packed())))
        }
        let x = random.tensor([m, inputs])
        for (name, weight) in weights {
          let y = random.tensor([m, outputs])
          let product = DecodeProductTests.expected(x, weight, .bfloat16)
          let before = y.values
          let note: Comment = "\(name) [\(outputs), \(inputs)], m \(m), \(random.note)"
          weight.apply(x, into: y, accumulate: true, arithmetic: .bfloat16)
          expectClose(y.values, zip(product, before).map { $0 + Bounded($1) }, note)
        }
      }
    }

    /// Non-finite inputs give non-finite outputs, whichever way inputs are rounded.
    @Test(arguments: [1, 4, 20])
    func nonFiniteInputsStayVisible(m: Int) throws {
      var random = TestRandom("\(m)")
      for (name, weight) in try Products.weights(30, 200, &random) {
        for bad in [Float.nan, .infinity, -.infinity] {
          var values = random.floats(m * 200)
          values[(m - 1) * 200 + 77] = bad
          let y = Tensor([m, 30])
          weight.apply(Tensor([m, 200], values), into: y, arithmetic: .bfloat16)
          // A masked-out weight, which is exactly 0, may hide the value in one output.
          let last = y.rows(m - 1..<m).values
          #expect(last.contains { !$0.isFinite }, "\(name), \(bad), \(random.note)")
          let first = y.rows(0..<1).values.contains { !$0.isFinite }
          #expect(m == 1 || !first, "\(name), \(random.note)")
        }
      }
    }

    /// Packed inputs are bitwise those of the plain twin, including ties and special values.
    @Test func packingMatchesTheTwins() {
      var random = TestRandom()
      for (rows, k) in [(1, 1), (12, 32), (13, 33), (40, 95)] {
        var a = random.floats(rows * k)
        a[0] = Float(bitPattern: 0x3f80_8000)
        a[a.count / 2] = Float(bitPattern: 0x3f81_8000)
        a[a.count - 1] = -.infinity
        let words = (rows + 11) / 12 * 12 * ctk_bf16_pairs(k)
        var fast = [UInt32](repeating: 1, count: words)
        var plain = [UInt32](repeating: 2, count: words)
        unsafe ctk_pack_bf16(a, k, rows, k, &fast)
        unsafe ctk_pack_bf16_ref(a, k, rows, k, &plain)
        #expect(fast == plain, "\(random.note)")
      }
    }

    /// Heads of every kind, more rows than one softmax takes, and several tiles per part.
    @Test(arguments: [(40, 70, 600), (320, 12, 300), (12, 9, 4000)])
    func crossEntropy(m: Int, d: Int, vocabulary: Int) throws {
      var random = TestRandom("\(m) \(d) \(vocabulary)")
      let x = random.tensor([m, d], scale: 0.2)
      let targets = (0..<m).map { $0 % 7 == 3 ? -1 : Int32($0 * 31 % vocabulary) }
      for (name, head) in try Products.weights(vocabulary, d, &random).prefix(m == 40 ? 99 : 1) {
        CrossEntropyTests.check(
          x, head, targets, scale: 0.5, .bfloat16, "\(name), \(random.note)")
      }
    }

    @Test func threadsDoNotChangeABit() throws {
      var random = TestRandom()
      let x = random.tensor([700, 200])
      let dy = random.tensor([700, 300])
      let targets = (0..<700).map { Int32($0 % 300) }
      for (name, weight) in try Products.weights(300, 200, &random) {
        expectSameForAllThreadCounts("\(name), \(random.note)") {
          let y = Tensor([700, 300])
          let dx = Tensor([700, 200])
          let dHidden = Tensor([700, 200])
          weight.apply(x, into: y, arithmetic: .bfloat16)
          weight.applyTransposed(dy, into: dx, arithmetic: .bfloat16)
          let losses = CrossEntropy.gradient(
            hidden: x, head: weight, targets: targets, scale: 1, into: dHidden,
            arithmetic: .bfloat16)
          return y.values + dx.values + dHidden.values + losses
        }
      }
    }
  }
}
