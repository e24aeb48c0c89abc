import Bytes
import Numerics

/// The machine that times were measured on, and what else it did meanwhile.
package struct MeasuringMachine: Sendable {
  /// The processor's name; nil if the system gives none.
  package let processor: String?
  /// Cores that the program may use.
  package let cores: Int
  /// Threads that the program used.
  package let threads: Int
  /// The kernels, as `BLAS.kernelClass`: library, level, products.
  package let kernels: String
  /// Memory that the program may use, in bytes.
  package let memory: Int
  /// The load averages over 1, 5 and 15 minutes at the end; nil if unknown.
  package let loadAverage: [Double]?
  /// Cores that other processes kept busy on average during the measurement; nil if unknown.
  package let otherCores: Double?

  /// The machine after a measurement that began at `start`.
  package init(since start: ProcessorTime) {
    self.init(
      processor: MachineFacts.processor, cores: Parallel.processors, threads: Parallel.threads,
      kernels: BLAS.kernelClass, memory: ProcessUsage.availableMemory,
      loadAverage: MachineFacts.loadAverage, otherCores: start.otherCores(until: .now))
  }

  package init(
    processor: String?, cores: Int, threads: Int, kernels: String, memory: Int,
    loadAverage: [Double]?, otherCores: Double?
  ) {
    self.processor = processor
    self.cores = cores
    self.threads = threads
    self.kernels = kernels
    self.memory = memory
    self.loadAverage = loadAverage
    self.otherCores = otherCores
  }

  /// A sentence on times that other processes have made longer, because the cores they left were fewer than
  /// the threads by a quarter of a core or more; nil where enough were left, or the system doesn't say.
  package var warning: String? {
    guard let otherCores, Double(cores) - otherCores <= Double(min(threads, cores)) - 0.25 else {
      return nil
    }
    let left = "left too few for \(threads) thread\(threads == 1 ? "" : "s")"
    return "other processes kept \(Figure.fixed(otherCores, 1)) of \(cores) cores busy and \(left):"
      + " these times are longer than on an idle machine"
  }
}
