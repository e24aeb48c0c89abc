import Builds
import Bytes
import Numerics

extension MachineRate {
  /// Measures the rate of a [768, 1536] by [1536, 1536] product for about 0.2 seconds.
  package static func measured() -> MachineRate {
    let arithmetic = Arithmetic.bfloat16.available
    let (m, n) = (768, 1536)
    let x = Tensor([m, n], (0..<m * n).map { Float($0 % 7) * 0.1 })
    let weight = Weight.dense(Tensor([n, n], (0..<n * n).map { Float($0 % 5) * 0.1 }))
    let y = Tensor([m, n])
    var (best, start) = (Double.infinity, ProcessUsage.clock)
    let end = start + 0.2
    repeat {
      weight.apply(ProductInput(x, arithmetic), into: y)
      let now = ProcessUsage.clock
      best = min(best, now - start)
      start = now
    } while start < end
    return MachineRate(product: Double(m * n * n) * 1e-9 / best)
  }
}
