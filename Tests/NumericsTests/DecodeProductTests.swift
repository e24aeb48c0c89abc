import CKernels
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Decode products (up to eight rows, in integers) at every level of this processor.
  @Suite struct DecodeProductTests {
    static let shapes = [
      (7, 5), (33, 65), (9, 130), (18, 256), (21, 192), (35, 64), (6, 449), (3, 1601), (32, 192),
    ]

    /// Fast kernels agree with the plain twin on equal rounded inputs.
    @Test(arguments: [1, 2, 3, 4])
    func matchTheTwins(m: Int) throws {
      try forEachMatrix { matrix, name, random in
        let (rows, columns) = (matrix.rows, matrix.columns)
        let group = min(matrix.groupSize, columns)
        let (runs, groups) = ((columns + 63) / 64, (columns + group - 1) / group)
        let x = random.floats(m * columns)
        let errors = Self.sumErrors(Tensor([m, columns], x), matrix)
        atEveryLevel { level in
          var values = [Int8](repeating: 0, count: m * runs * 128)
          var scales = [Float](repeating: 0, count: m * runs)
          var sums = [Float](repeating: 0, count: m * groups)
          unsafe ctk_decode_round(x, columns, m, columns, group, &values, &scales, &sums)
          var (fast, plain) = (
            [Float](repeating: 1, count: m * rows), [Float](repeating: 2, count: m * rows)
          )
          var pieces = [Float](repeating: 3, count: m * rows)
          unsafe matrix.withDescription { view in
            var scratch = unsafe [UInt8](repeating: 255, count: ctk_decode_scratch(view))
            unsafe values.withUnsafeBufferPointer { values in
              unsafe scales.withUnsafeBufferPointer { scales in
                unsafe sums.withUnsafeBufferPointer { sums in
                  var inputs = unsafe ctk_decode_inputs(
                    rows: m, columns: columns, values: values.baseAddress,
                    scales: scales.baseAddress, group_sums: sums.baseAddress)
                  unsafe ctk_decode_multiply(view, 0, rows, &inputs, &fast, rows, &scratch)
                  unsafe ctk_decode_multiply_ref(view, 0, rows, &inputs, &plain, rows)
                  // Pieces may start and end at any row.
                  var start = 0
                  for length in [1, 2, 5, rows] where start < rows {
                    let end = min(rows, start + length)
                    unsafe ctk_decode_multiply(view, start, end, &inputs, &pieces, rows, &scratch)
                    start = end
                  }
                }
              }
            }
          }
          let note: Comment = "\(name), m \(m), \(level), \(random.note)"
          #expect(pieces == fast, note)
          // The twin sums in float64 and rounds once.
          let expected = zip(plain, errors).map {
            Bounded(Double($0), error: $1 + Rounding.float32 * Double(abs($0)))
          }
          expectClose(fast, expected, note)
        }
      }
    }

    /// Products in both arithmetics at every level are within their bounds of float64 results.
    @Test(arguments: [1, 3, 8])
    func matchTheDefinition(m: Int) throws {
      for (outputs, inputs) in Self.shapes {
        var random = TestRandom("\(m) \(outputs)×\(inputs)")
        let x = random.tensor([m, inputs])
        for (name, weight) in try Products.weights(outputs, inputs, &random) {
          atEveryLevel { level in
            for arithmetic in Arithmetic.allCases {
              let y = Tensor([m, outputs])
              DecodeProducts.multiply(x, [(weight, y)], arithmetic: arithmetic)
              expectClose(
                y.values, Self.expected(x, weight, arithmetic),
                "\(name) [\(outputs), \(inputs)], m \(m), \(level), \(arithmetic), \(random.note)")
            }
          }
        }
      }
    }

    /// Non-finite inputs give non-finite outputs.
    @Test func nonFiniteInputsStayVisible() throws {
      var random = TestRandom()
      var values = random.floats(2 * 200)
      values[277] = .infinity
      let x = Tensor([2, 200], values)
      for (name, weight) in try Products.weights(30, 200, &random) {
        atEveryLevel { level in
          let y = Tensor([2, 30])
          DecodeProducts.multiply(x, [(weight, y)], arithmetic: .bfloat16)
          let note: Comment = "\(name), \(level), \(random.note)"
          #expect(y.rows(1..<2).values.contains { !$0.isFinite }, note)
          #expect(y.rows(0..<1).values.allSatisfy { $0.isFinite }, note)
        }
      }
    }

    /// Returns x·Wᵀ [m, outputs] with bounds on the errors of the decode products at the level in
    /// use.
    ///
    /// Codes are multiplied by 16-bit inputs: q = x·(32639 / top), rounded to an integer, where top
    /// is the largest magnitude in a run of 64; then q·(top / 32639). The two divisions and the
    /// product are off by u each, together 3u·32639 = 0.006 steps of top / 32639, in addition to
    /// half a step of rounding. The other weights are summed in float32.
    static func expected(_ x: Tensor, _ weight: Weight, _ arithmetic: Arithmetic) -> [Bounded] {
      let (m, n, k) = (x.rows, weight.rows, x.columns)
      let w = weight.dense().values
      guard case .packed(let matrix) = weight, arithmetic == .bfloat16,
        ctk_has_decode_kernels() != 0, ctk_decode_takes_group(min(matrix.groupSize, k)) != 0
      else { return boundedProduct(x.values, w, m: m, n: n, k: k, transposeB: true) }
      let product = plainProduct(x.values, w, m: m, n: n, k: k, transposeB: true)
      let rounding = plainProduct(
        tops(x).map { 0.507 / 32639 * $0 }, w.map(abs), m: m, n: n, k: k, transposeB: true)
      return zip(product, zip(rounding, sumErrors(x, matrix))).map {
        Bounded($0, error: $1.0 + $1.1)
      }
    }

    /// The largest magnitude in the run of 64 that contains each value of x.
    private static func tops(_ x: Tensor) -> [Float] {
      var tops: [Float] = []
      for row in 0..<x.rows {
        let values = x.rows(row..<row + 1).values
        for start in stride(from: 0, to: x.columns, by: 64) {
          let run = values[start..<min(start + 64, x.columns)]
          tops += [Float](repeating: run.reduce(0) { max($0, abs($1)) }, count: run.count)
        }
      }
      return tops
    }

    /// Bounds on the float32 errors of products of codes with rounded inputs, [m, rows].
    ///
    /// A result is Σ scale·code·x, in integers within a run, minus Σ scale·zero·Σx over groups. The
    /// terms of these sums are as large as (code + zero)·scale·x even if they cancel (masked
    /// weights have the zero point for a code). A term of the first sum is rounded on conversion
    /// from an integer, by two scales, and in sums over runs (or over halves of a run) and over 16
    /// lanes. A term of the second sum is rounded in its group's sum, of 32 single values or of
    /// runs in lanes, by its scale, and in a sum over groups in 16 lanes.
    private static func sumErrors(_ x: Tensor, _ matrix: PackedMatrix) -> [Double] {
      let (rows, columns) = (matrix.rows, matrix.columns)
      let group = min(matrix.groupSize, columns)
      let (runs, groups) = ((columns + 63) / 64, (columns + group - 1) / group)
      let gamma = Rounding.gamma(2 * runs + groups / 16 + 48)
      let largest = Float(2 * ((1 << matrix.bits) - 1))
      let factor = Float(sign: .plus, exponent: matrix.scaleExponent, significand: largest)
      let bytes = matrix.scales.array
      let sizes = (0..<rows * columns).map { place -> Float in
        let (row, at) = (place / columns, place % columns / group)
        let index =
          matrix.interleaved ? (row / 16 * groups + at) * 16 + row % 16 : row * groups + at
        let bits = UInt16(bytes[2 * index]) | UInt16(bytes[2 * index + 1]) << 8
        return abs(Float(Float16(bitPattern: bits))) * factor
      }
      // Rounding enlarges an input by less than 1 / 30,000 of the largest magnitude in its run.
      let inputs = zip(x.values, tops(x)).map { abs($0) + $1 / 30_000 }
      return plainProduct(inputs, sizes, m: x.rows, n: rows, k: columns, transposeB: true)
        .map { gamma * $0 }
    }

    private func forEachMatrix(
      _ body: (PackedMatrix, String, inout TestRandom) throws -> Void
    ) throws {
      for (rows, columns) in Self.shapes {
        for group in [4, 8, 16, 32, 64, 128] where group <= columns {
          for (kept, of) in [(0, 0), (1, 1), (2, 4), (4, 8)] {
            for bits in [2, 3, 4, 8] {
              var random = TestRandom(
                "\(rows)×\(columns) \(group) \(kept) of \(of) \(bits) bits")
              let plain = PlainPacking(
                rows: rows, columns: columns, bits: bits, groupSize: group,
                withZeros: random.below(2) == 0, masked: of == 1,
                pattern: of > 1 ? (kept, of) : nil, &random)
              var tiles = plain
              tiles.interleaved = rows % 16 == 0 && columns % 64 == 0 && group % 64 == 0
              if tiles.interleaved, of == 1 || of == 4 {
                try body(
                  try tiles.packed(),
                  "interleaved [\(rows), \(columns)], \(bits) bits, groups of \(group), \(kept) of \(of)",
                  &random)
              }
              try body(
                try plain.packed(),
                "[\(rows), \(columns)], \(bits) bits, groups of \(group), \(kept) of \(of)", &random
              )
            }
          }
        }
      }
    }
  }
}
