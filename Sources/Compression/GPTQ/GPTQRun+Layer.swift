import CKernels
import Numerics

/// The C kernel's view of a matrix, and its results.
extension GPTQRun {
  /// The results of all tiles.
  func solution() -> GPTQKernel.Solution {
    var error = 0.0
    var clipped = 0
    for tile in 0..<tiles {
      unsafe withUnsafeBytes(of: sums[tile].errors) { errors in
        for row in 0..<rows(tile) {
          error += unsafe errors.load(fromByteOffset: row * 8, as: Double.self)
        }
      }
      clipped += Int(unsafe sums[tile].clipped)
    }
    return unsafe GPTQKernel.Solution(
      codes: Array(codes), scales: Array(scales), zeros: Array(zeros), restored: restored,
      kept: kept.isEmpty ? nil : Array(kept), error: error, clipped: clipped)
  }

  /// Calls `body` with the C kernel's description of the matrix.
  func withLayer(_ body: (UnsafePointer<ctk_gptq_layer>) -> Void) {
    var (keptOf, of) = (Int32(0), Int32(0))
    if case .pattern(let kept, let width) = job.pruning {
      (keptOf, of) = (Int32(kept), Int32(width))
    }
    unsafe order.withUnsafeBufferPointer { order in
      unsafe position.withUnsafeBufferPointer { position in
        unsafe withOptional(job.importance) { importance in
          var layer = unsafe ctk_gptq_layer(
            factor: job.factor.map { unsafe UnsafePointer($0.pointer) }, order: order.baseAddress,
            position: position.baseAddress, importance: importance, columns: Int32(job.columns),
            group_width: Int32(job.groupWidth), bits: Int32(job.bits ?? 8),
            symmetric: job.symmetric ? 1 : 0, static_groups: job.staticGroups ? 1 : 0,
            search_steps: Int32(job.searchSteps),
            search_power_2_4: job.searchPower == .twoPointFour ? 1 : 0,
            scale_exponent: Int32(job.scaleExponent), quantize: job.bits == nil ? 0 : 1,
            kept: keptOf, of: of,
            first_order: job.firstOrder)
          unsafe body(&layer)
        }
      }
    }
  }

  private func withOptional(
    _ values: [Float]?, _ body: (UnsafePointer<Float>?) -> Void
  ) {
    guard let values else {
      return body(nil)
    }
    unsafe values.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
  }
}
