import CKernels
import Numerics
import Testing

extension NumericsTests {
  /// Decode products (up to eight rows, in integers), at every level of this processor.
  @Suite struct DecodeProductTests {
    static let shapes = [
      (7, 5), (33, 65), (9, 130), (18, 256), (21, 192), (35, 64), (6, 449), (3, 1601), (32, 192),
    ]

    /// The fast kernel against the plain twin, on the same rounded inputs.
    @Test(arguments: [1, 2, 3, 4])
    func areTheTwins(m: Int) throws {
      try forEachMatrix { matrix, name, random in
        let (rows, columns) = (matrix.rows, matrix.columns)
        let group = min(matrix.groupSize, columns)
        let (runs, groups) = ((columns + 63) / 64, (columns + group - 1) / group)
        let x = random.floats(m * columns)
        let bounds = Self.bounds(Tensor([m, columns], x), .packed(matrix), rounding: 0)
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
                  // However rows are cut into pieces, at odd places too.
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
          #expect(pieces == fast, "\(name), m \(m), \(level), \(random.note)")
          expectClose(
            fast, plain.map { Double($0) }, bounds: bounds,
            "\(name), m \(m), \(level), \(random.note)")
        }
      }
    }

    /// What was asked for in bfloat16 is as close to float32 at every level.
    @Test(arguments: [1, 3, 8])
    func areCloseToFloat32(m: Int) throws {
      for (outputs, inputs) in Self.shapes {
        var random = RandomValues()
        let x = random.tensor([m, inputs])
        for (name, weight) in try Products.weights(outputs, inputs, &random) {
          let product = plainProduct(
            x.values, weight.dense().values, m: m, n: outputs, k: inputs, transposeB: true)
          let bounds = Self.bounds(x, weight)
          atEveryLevel { level in
            for arithmetic in Arithmetic.allCases {
              let y = Tensor([m, outputs])
              DecodeProducts.multiply(x, [(weight, y)], arithmetic: arithmetic)
              expectClose(
                y.values, product, bounds: bounds,
                "\(name) [\(outputs), \(inputs)], m \(m), \(level), \(arithmetic), \(random.note)")
            }
          }
        }
      }
    }

    /// What isn't a finite number stays visible.
    @Test func nonFiniteInputsStayVisible() throws {
      var random = RandomValues()
      var values = random.floats(2 * 200)
      values[277] = .infinity
      let x = Tensor([2, 200], values)
      for (name, weight) in try Products.weights(30, 200, &random) {
        atEveryLevel { level in
          let y = Tensor([2, 30])
          DecodeProducts.multiply(x, [(weight, y)], arithmetic: .bfloat16)
          #expect(y.rows(1..<2).values.contains { !$0.isFinite }, "\(name), \(level)")
          #expect(y.rows(0..<1).values.allSatisfy { $0.isFinite }, "\(name), \(level)")
        }
      }
    }

    /// How far results [m, outputs] may be off. Inputs are rounded by half a step, a step being 1/32639 of
    /// the largest of their 64; float32 rounds sums of codes and of zeros, whose terms are like the largest
    /// weight's even where a row's own weights are small.
    static func bounds(
      _ x: Tensor, _ weight: Weight, rounding: Float = 0.5001 / 32639
    ) -> [Double] {
      var tops: [Float] = []
      for row in 0..<x.rows {
        let values = x.rows(row..<row + 1).values
        for start in stride(from: 0, to: x.columns, by: 64) {
          let run = values[start..<min(start + 64, x.columns)]
          let top = run.reduce(0) { max($0, abs($1)) }
          tops += [Float](repeating: top, count: run.count)
        }
      }
      let sizes = weight.dense().values.map(abs)
      let largest = sizes.reduce(0, max)
      return plainProduct(
        tops, sizes.map { rounding * $0 + 1e-6 * largest }, m: x.rows, n: weight.rows,
        k: x.columns, transposeB: true)
    }

    private func forEachMatrix(
      _ body: (PackedMatrix, String, inout RandomValues) throws -> Void
    ) throws {
      for (rows, columns) in Self.shapes {
        for group in [4, 8, 16, 32, 64, 128] where group <= columns {
          for (kept, of) in [(0, 0), (1, 1), (2, 4), (4, 8)] {
            for bits in [2, 3, 4, 8] {
              var random = RandomValues()
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
