import Bytes
import CKernels
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct PackedMatrices {
    /// Decoded weights are bitwise those of the plain packing, for all bits, widths, groups (with a
    /// short last one, wider than the row, not dividing 64), with and without zeros and masks.
    @Test(arguments: [2, 3, 4, 8], [1, 17, 63, 64, 65, 200])
    func decodesAsDescribed(bits: Int, columns: Int) throws {
      try atEveryLevel { level in
        for groupSize in [1, 16, 48, 64, 128, 1000] {
          for (withZeros, masked) in [(false, false), (true, false), (false, true), (true, true)] {
            var random = TestRandom(
              "\(level) \(bits) \(columns) \(groupSize) \(withZeros) \(masked)")
            let plain = PlainPacking(
              rows: 5, columns: columns, bits: bits, groupSize: groupSize, withZeros: withZeros,
              masked: masked, exponent: random.below(5) - 2, &random)
            let decoded = Weight.packed(try plain.packed()).dense().values
            #expect(
              decoded == plain.values,
              "group \(groupSize), zeros \(withZeros), mask \(masked), \(level), \(random.note)")
          }
        }
      }
    }

    /// Weights and products at both ends of the exponents' range are those at 0 times a power of two, to
    /// the bit: nothing on the way overflows or falls among the subnormal numbers.
    @Test(arguments: [StoredScale.exponents.lowerBound, StoredScale.exponents.upperBound])
    func extremeExponents(_ exponent: Int) throws {
      let power = Float(sign: .plus, exponent: exponent, significand: 1)
      for bits in [2, 3, 4, 8] {
        for (withZeros, masked, interleaved) in [
          (false, false, false), (true, false, false), (true, true, false), (true, true, true),
        ] {
          let name = "\(exponent) \(bits) bits \(withZeros) \(masked) \(interleaved)"
          var random = TestRandom(name)
          var plain = PlainPacking(
            rows: 32, columns: 192, bits: bits, groupSize: 64, withZeros: withZeros,
            masked: masked, &random)
          // The largest and the smallest normal scale that float16 has.
          (plain.scales[0], plain.scales[1]) = (65504, 0x1p-14)
          plain.interleaved = interleaved
          let ordinary = Weight.packed(try plain.packed())
          plain.scaleExponent = exponent
          let extreme = Weight.packed(try plain.packed())
          let inputs = [1, 3, 40].map { random.tensor([$0, 192]) }
          atEveryLevel { level in
            let note = "\(name), \(level), \(random.note)"
            #expect(extreme.dense().values == plain.values, "\(note)")
            for x in inputs {
              for arithmetic in Arithmetic.allCases {
                let (a, b) = (Tensor([x.rows, 32]), Tensor([x.rows, 32]))
                ordinary.apply(x, into: a, arithmetic: arithmetic)
                extreme.apply(x, into: b, arithmetic: arithmetic)
                #expect(
                  b.values == a.values.map { $0 * power }, "\(x.rows) rows, \(arithmetic), \(note)")
              }
            }
          }
        }
      }
    }

    @Test(arguments: [(2, 4), (4, 8), (1, 2), (3, 7), (16, 32)], [1, 4, 63, 64, 128, 200])
    func ranksAsDescribed(_ pattern: (Int, Int), columns: Int) throws {
      try atEveryLevel { level in
        for bits in [2, 3, 4, 8] {
          var random = TestRandom("\(level) \(pattern) \(columns) \(bits)")
          let plain = PlainPacking(
            rows: 5, columns: columns, bits: bits, groupSize: 48, withZeros: true, masked: false,
            pattern: pattern, &random)
          let decoded = Weight.packed(try plain.packed()).dense().values
          #expect(decoded == plain.values, "\(bits) bits, \(level), \(random.note)")
        }
      }
    }

    /// Interleaved matrices decode as a whole and row by row.
    @Test(arguments: [nil, (2, 4), (3, 4)] as [(Int, Int)?], [64, 192, 1088])
    func interleavedRowsAsDescribed(_ pattern: (Int, Int)?, columns: Int) throws {
      try atEveryLevel { level in
        for (bits, groupSize) in [(2, 64), (3, 128), (4, 64), (8, 192)] where groupSize <= columns {
          var random = TestRandom("\(level) \(pattern ?? (0, 0)) \(columns) \(bits)")
          var plain = PlainPacking(
            rows: 32, columns: columns, bits: bits, groupSize: groupSize, withZeros: bits != 3,
            masked: true, exponent: -1, pattern: pattern.map { ($0.0, $0.1) }, &random)
          plain.interleaved = true
          let weight = Weight.packed(try plain.packed())
          #expect(weight.dense().values == plain.values, "\(bits) bits, \(level), \(random.note)")
          let picked = Tensor(uninitialized: [3, columns])
          weight.gather([17, 5, 31], into: picked)
          let expected = [17, 5, 31].flatMap { row in (0..<columns).map { plain.value(row, $0) } }
          #expect(picked.values == expected, "\(bits) bits, \(level), \(random.note)")
        }
      }
    }

    @Test func rowsThatCannotBeInterleaved() throws {
      for (rows, columns, groupSize, masked) in [
        (17, 64, 64, true), (16, 96, 64, true), (16, 64, 32, true), (16, 64, 64, false),
      ] {
        var random = TestRandom("\(rows)×\(columns) \(groupSize) \(masked)")
        let good = try PlainPacking(
          rows: rows, columns: columns, bits: 4, groupSize: groupSize, withZeros: true,
          masked: masked, &random
        ).packed()
        let failure = #expect(throws: Failure.self) {
          try PackedMatrix(
            rows: rows, columns: columns, bits: 4, groupSize: groupSize, codes: good.codes,
            scales: good.scales, zeros: good.zeros, mask: good.mask, interleaved: true)
        }
        #expect(failure?.kind == .invalidData)
      }
    }

    @Test func survivorsAreCountedRowByRow() {
      for columns in [1, 63, 64, 65, 200, 1000] {
        var random = TestRandom("\(columns)")
        let words = (columns + 63) / 64
        var mask = (0..<37 * words * 8).map { _ in UInt8(random.below(256)) }
        for row in 0..<37 where columns % 64 != 0 {
          for bit in columns..<64 * words {
            mask[row * words * 8 + bit / 8] &= ~(1 << UInt8(bit % 8))
          }
        }
        var (fast, plain) = ([Int64](repeating: 0, count: 37), [Int64](repeating: 0, count: 37))
        #expect(unsafe ctk_count_mask(mask, 37, columns, &fast) == 37)
        #expect(unsafe ctk_count_mask_ref(mask, 37, columns, &plain) == 37)
        #expect(fast == plain, "\(random.note)")
        if columns % 64 != 0 {
          mask[20 * words * 8 - 1] |= 0x80
          #expect(unsafe ctk_count_mask(mask, 37, columns, &fast) == 19)
          #expect(unsafe ctk_count_mask_ref(mask, 37, columns, &plain) == 19)
        }
      }
    }

    @Test func maskExtremes() throws {
      for keep in [false, true] {
        var random = TestRandom("\(keep)")
        var plain = PlainPacking(
          rows: 4, columns: 130, bits: 3, groupSize: 64, withZeros: true, masked: true, &random)
        plain.kept = [Bool](repeating: keep, count: 4 * 130)
        let matrix = try plain.packed()
        #expect(matrix.survivors == (keep ? 4 * 130 : 0))
        #expect(Weight.packed(matrix).dense().values == plain.values, "\(random.note)")
      }
    }

    @Test func rejectsPartsThatDoNotFit() throws {
      var random = TestRandom()
      let good = try PlainPacking(
        rows: 3, columns: 70, bits: 3, groupSize: 32, withZeros: true, masked: true, &random
      ).packed()
      func attempt(
        rows: Int = 3, columns: Int = 70, bits: Int = 3, groupSize: Int = 32,
        codes: ByteSlice? = nil, scales: ByteSlice? = nil, zeros: ByteSlice? = nil,
        mask: ByteSlice? = nil, exponent: Int = 0
      ) -> Failure.Kind? {
        do {
          _ = try PackedMatrix(
            rows: rows, columns: columns, bits: bits, groupSize: groupSize,
            codes: codes ?? good.codes, scales: scales ?? good.scales, zeros: zeros ?? good.zeros,
            mask: mask ?? good.mask, scaleExponent: exponent)
          return nil
        } catch { return error.kind }
      }
      #expect(attempt() == nil)
      #expect(attempt(rows: 0) == .invalidData)
      #expect(attempt(rows: 4) == .invalidData)
      #expect(attempt(rows: .max, columns: .max) == .invalidData)
      #expect(attempt(columns: 130) == .invalidData)
      #expect(attempt(bits: 5) == .invalidData)
      #expect(attempt(bits: 4) == .invalidData)
      #expect(attempt(groupSize: 0) == .invalidData)
      #expect(attempt(groupSize: 16) == .invalidData)
      #expect(attempt(codes: ByteSlice([])) == .invalidData)
      #expect(attempt(scales: ByteSlice([1, 2])) == .invalidData)
      #expect(attempt(zeros: ByteSlice([1])) == .invalidData)
      for exponent in StoredScale.exponents { #expect(attempt(exponent: exponent) == nil) }
      #expect(attempt(exponent: -65) == .invalidData)
      #expect(attempt(exponent: 65) == .invalidData)
      var beyond = good.mask?.array ?? []
      beyond[15] |= 0x80  // column 127 of row 0
      #expect(attempt(mask: ByteSlice(beyond)) == .invalidData)
    }
  }
}
