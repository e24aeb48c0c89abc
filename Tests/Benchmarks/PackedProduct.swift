import ArgumentParser
import Bytes
import Numerics

/// The benchmark `packed-product`: matrix products with packed weights, as a share of the machine's peak.
struct PackedProduct: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "1024 × 4096 inputs times packed 4096 × 4096 weights, forward and transposed, relative to the machine's peak."
  )

  @Option(help: "Bits per code.") var bits = 4
  @Option(help: "Input rows.") var rows = 1024
  @Option(help: "Rows and columns of the weight matrix.") var width = 4096
  @Option(help: "Measured runs.") var runs = 5
  @Option(help: "Threads.") var threads = 2

  func run() throws {
    Parallel.threads = threads
    let roofline = Roofline.measure()
    print(roofline.line)
    let weight = Weight.packed(
      try RandomCodes(rows: width, columns: width, bits: bits, sparsity: .none).matrix)
    var random = SeededGenerator(seed: 1)
    let x = Tensor([rows, width], (0..<rows * width).map { _ in Float(random.normal()) })
    let y = Tensor([rows, width])
    for transposed in [false, true] {
      var rates: [Double] = []
      for run in 0...runs {
        let time = seconds {
          if transposed {
            weight.applyTransposed(x, into: y, arithmetic: .bfloat16)
          } else {
            weight.apply(x, into: y, arithmetic: .bfloat16)
          }
        }
        if run > 0 { rates.append(2 * Double(rows) * Double(width) * Double(width) / time) }
      }
      let share = rates.map { 100 * $0 / roofline.operations }
      print(
        BenchmarkResult(
          name:
            "\(transposed ? "transposed" : "forward") \(rows) × \(width) × \(width), \(bits)-bit codes",
          unit: "% of the peak", ours: share, peer: nil, goal: "70 %",
          notes: ["\(figure(median(rates) / 1e9)) GFLOP/s"]
        ).line)
    }
  }
}
