import Bytes
import CRoofline
import Numerics
import Synchronization

/// This machine's peak arithmetic and memory bandwidth, measured with the benchmarks' number of threads.
struct Roofline {
  /// The format of the operands of `operations`.
  let arithmetic: Arithmetic
  /// Peak operations per second, two per multiply-add.
  let operations: Double
  /// Peak memory bandwidth in bytes per second, reading.
  let bandwidth: Double

  /// Measures both peaks: the best of five short runs.
  ///
  /// - Parameter arithmetic: the format of the operands; without bfloat16 products, a processor's peak
  ///   is that of float32.
  static func measure(_ arithmetic: Arithmetic = .bfloat16) -> Roofline {
    let arithmetic = arithmetic.available
    let bfloat16: Int32 = arithmetic == .bfloat16 ? 1 : 0
    let threads = Parallel.threads
    var (operations, bandwidth) = (0.0, 0.0)
    let memory = MemoryReader()
    for _ in 0..<5 {
      let rounds = 4_000_000
      let busy = seconds {
        Parallel.forEach(threads) { _ in _ = roofline_products(rounds, bfloat16) }
      }
      operations = max(
        operations, 2 * Double(threads) * roofline_products(1, bfloat16) * Double(rounds) / busy)
      bandwidth = max(bandwidth, memory.bandwidth())
    }
    return Roofline(arithmetic: arithmetic, operations: operations, bandwidth: bandwidth)
  }

  /// The peaks as one line.
  var line: String {
    "this machine, \(Parallel.threads) threads: \(figure(operations / 1e9)) GFLOP/s of multiply-adds"
      + " (\(arithmetic)), \(figure(bandwidth / 1e9)) GB/s read from memory"
  }

  /// The share of peak arithmetic that `work` multiply-adds in `time` seconds make, as a note.
  func share(_ work: Double, in time: Double) -> String {
    let share = figure(100 * 2 * work / time / operations)
    return "\(share) % of the peak of \(figure(operations / 1e9)) GFLOP/s in \(arithmetic)"
  }

  /// The share of peak memory bandwidth that reading `bytes` in `time` seconds makes, as a note.
  func share(bytes: Double, in time: Double) -> String {
    let share = figure(100 * bytes / time / bandwidth)
    return "\(share) % of the peak of \(figure(bandwidth / 1e9)) GB/s from memory"
  }
}

/// A buffer of 512 MiB, for measuring the memory bandwidth.
@safe final class MemoryReader {
  private let memory: UnsafeMutableBufferPointer<UInt64>

  init() {
    unsafe memory = .allocate(capacity: 1 << 26)
    unsafe memory.initialize(repeating: 1)
  }

  deinit { unsafe memory.deallocate() }

  /// Reads the buffer once on all threads and returns the bandwidth in bytes per second.
  func bandwidth() -> Double {
    let threads = Parallel.threads
    let part = unsafe memory.count / threads
    nonisolated(unsafe) let all = unsafe memory
    let sink = Atomic<UInt64>(0)
    let time = seconds {
      Parallel.forEach(threads) { i in
        guard let base = unsafe all.baseAddress else { return }
        sink.bitwiseXor(unsafe roofline_read(base + i * part, part), ordering: .relaxed)
      }
    }
    return Double(part * threads * 8) / time
  }
}
