import Bytes
import Checkpoints
import Compression
import Models
import Numerics

/// What a stage takes of the machine, estimated before it runs.
package struct StageNeeds: Sendable, Equatable {
  /// Bytes in memory at most, mapped files left out.
  package var memory: Int
  /// Bytes that it leaves in the work folder, or has there while it runs.
  package var disk: Int

  package init(memory: Int = 128 << 20, disk: Int = 0) {
    self.memory = memory
    self.disk = disk
  }
}

extension ModelConfiguration {
  /// Bytes of the model with its blocks' matrices compressed: codes or kept values, a bit per weight
  /// for a mask where that is smaller, scales and zeros, and the rest in 16 bits.
  func bytes(compressed settings: CompressionSettings) -> Int {
    let linear = settings.linear
    let kept = 1 - linear.sparsity.share
    let bits = linear.quantizes ? Double(linear.grid.bits) : 16
    // A scale in 16 bits and a zero point of the codes' width per group.
    let perGroup = linear.quantizes ? 16 + bits : 0
    let perWeight = min(bits, kept * bits + (kept < 1 ? 1 : 0)) + perGroup / 64
    let rest = parameterCount - linearCount
    return Int(Double(linearCount) * perWeight / 8) + 2 * rest
  }

  /// Bytes of the model in 16 bits.
  var halfBytes: Int { 2 * parameterCount }
}

/// How fast this machine multiplies, for estimates.
package struct MachineRate: Sendable {
  /// Multiply-adds a second of a plain product in bfloat16 where the processor has it, in 10⁹.
  package let product: Double

  /// Measures for about a fifth of a second.
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

extension Stage {
  /// Seconds, from what the stage took in this work folder before, or else from how its pace related
  /// to a plain product's on a model of 135 M parameters.
  func seconds(_ rate: MachineRate, earlier: [String: Double]) -> Double {
    work / (earlier[name] ?? rate.product * pace)
  }
}

extension RunLedger {
  /// Work per second of the stages that took a second or more here, the latest run of each.
  func rates() -> [String: Double] {
    var rates: [String: Double] = [:]
    for entry in entries() where entry["outcome"]?.string == "done" {
      guard let stage = entry["stage"]?.string, let seconds = entry["seconds"]?.double,
        let work = entry["work"]?.double, seconds >= 1, work > 0
      else { continue }
      rates[stage] = work / seconds
    }
    return rates
  }
}
