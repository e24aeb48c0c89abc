import Foundation
import Numerics
import Testing

extension NumericsTests {
  @Suite struct BLASTests {
    @Test func kernelsAreNamed() {
      BLAS.prepare()
      #expect(BLAS.kernelClass.hasPrefix("openblas-0."))
      #expect(BLAS.kernelClass.contains("+\(KernelLevel.highest)"))
      #expect(BLAS.describe.hasPrefix(BLAS.kernelClass))
      // The variable set for the library isn't inherited by child processes.
      if !BLAS.describe.contains("set by the user") {
        #expect(ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil)
      }
    }

    /// A processor with AVX-512 must not get AVX2 kernels.
    @Test(.enabled(if: !BLAS.describe.contains("set by the user")))
    func kernelsFitTheProcessor() {
      switch KernelLevel.highest {
      case .avx512:
        #expect(["Cooperlake", "SkylakeX", "Sapphire"].contains { BLAS.kernelClass.contains($0) })
      case .avx2:
        #expect(["Haswell", "Zen", "Excavator"].contains { BLAS.kernelClass.contains($0) })
      case .plain: break
      }
    }
  }
}
