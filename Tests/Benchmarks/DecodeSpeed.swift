import ArgumentParser
import Bytes
import Numerics

/// The benchmark `few-rows`: decode products of one core with weights in its caches, so that memory
/// bandwidth isn't the limit.
struct DecodeSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "few-rows",
    abstract:
      "One token through weights that fit in a core's caches: dense, 50 % and 2:4 sparse, in weights per second.",
    discussion: """
      Decoding usually reads weights from memory. Sparse weights decode faster than dense ones if this rate times their \
      bits per weight exceeds a core's share of the memory bandwidth, which large-decode measures.
      """)

  @Option(help: "Rows of the weight matrix.") var rows = 128
  @Option(help: "Columns of the weight matrix.") var columns = 4096
  @Option(help: "Bits per code.") var bits = 4
  @Option(help: "Measured runs.") var runs = 7

  func run() throws {
    Parallel.threads = 1
    let x = Tensor([1, columns])
    var random = SeededGenerator(seed: 3)
    for column in 0..<columns { x[0, column] = Float(random.normal()) }
    let y = Tensor([1, rows])
    for sparsity in RandomCodes.Sparsity.allCases {
      let matrix = try RandomCodes(rows: rows, columns: columns, bits: bits, sparsity: sparsity)
      let weight = Weight.packed(try matrix.matrix)
      let count = max(1, (1 << 30) / (rows * columns))
      var rates: [Double] = []
      for run in 0...runs {
        let time = seconds {
          for _ in 0..<count {
            DecodeProducts.multiply(x, [(weight: weight, output: y)], arithmetic: .bfloat16)
          }
        }
        if run > 0 { rates.append(Double(count * rows * columns) / time / 1e9) }
      }
      print(
        BenchmarkResult(
          name: "one row through \(rows) × \(columns) of \(bits) bits, \(sparsity)",
          unit: "billion weights/s", ours: rates, peer: nil, goal: "none"
        ).line)
    }
  }
}
