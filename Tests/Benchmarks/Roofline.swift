import Bytes
import CRoofline
import Numerics
import Synchronization

/// What this machine can do at most, measured on as many threads as the benchmarks use.
struct Roofline {
  /// Multiply-adds per second, counted as two operations each, in bfloat16 where there is such a thing.
  let operations: Double
  /// Bytes read from memory per second.
  let bandwidth: Double

  /// The best of a few short runs.
  static func measure() -> Roofline {
    let threads = Parallel.threads
    var (operations, bandwidth) = (0.0, 0.0)
    let memory = MemoryReader()
    for _ in 0..<5 {
      let rounds = 4_000_000
      let busy = seconds {
        Parallel.forEach(threads) { _ in _ = roofline_products(rounds) }
      }
      operations = max(
        operations, 2 * Double(threads) * roofline_products(1) * Double(rounds) / busy)
      bandwidth = max(bandwidth, memory.bandwidth())
    }
    return Roofline(operations: operations, bandwidth: bandwidth)
  }

  var line: String {
    "this machine, \(Parallel.threads) threads: \(figure(operations / 1e9)) GFLOP/s of multiply-adds"
      + " (\(Arithmetic.bfloat16.available)), \(figure(bandwidth / 1e9)) GB/s read from memory"
  }
}

/// Half a gigabyte to read.
@safe final class MemoryReader {
  private let memory: UnsafeMutableBufferPointer<UInt64>

  init() {
    unsafe memory = .allocate(capacity: 1 << 26)
    unsafe memory.initialize(repeating: 1)
  }

  deinit { unsafe memory.deallocate() }

  /// Bytes per second, in one reading.
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
