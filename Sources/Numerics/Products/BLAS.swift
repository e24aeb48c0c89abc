import CKernels
import COpenBLAS
import Glibc

/// OpenBLAS, which computes the Cholesky factors, and its choice of kernels. (Float32 products are
/// this package's own, see CKernels/products/gemm.c.)
///
/// OpenBLAS chooses kernels by the processor's model, and falls back to those of 2013 for models
/// newer than itself. Unless the user has set OPENBLAS_CORETYPE, the choice is therefore redone
/// from the CPU's feature flags.
package enum BLAS {
  /// Chooses the kernels and makes the library single-threaded, because callers parallelise around
  /// it. Must be called before the library is used; further calls do nothing.
  package static func prepare() { _ = kernelClass }

  /// The library, its kernels, and the level of the package's own kernels, for example
  /// "openblas-0.3.21/Cooperlake+avx512+bf16" (bf16: bfloat16 products are available; int8 or
  /// dotprod: only the decode products have fast kernels, in integers). Machines with equal classes
  /// compute identical bits.
  package static let kernelClass: String = {
    let library = prepareLibrary()
    let products =
      switch ctk_decode_isa() {
      case Int32(ctk_decode_avx512.rawValue): "+bf16"
      case Int32(ctk_decode_dotprod.rawValue): "+dotprod"
      case Int32(ctk_decode_plain.rawValue): ""
      default: "+int8"
      }
    return "\(library)+\(KernelLevel.current)\(products)"
  }()

  /// The kernel class, and OPENBLAS_CORETYPE if the user has set it, on one line.
  package static var describe: String {
    let by = chosenByUser.map { " (OPENBLAS_CORETYPE=\($0) as set by the user)" } ?? ""
    return kernelClass + by
  }

  /// The user's OPENBLAS_CORETYPE, read before the library was prepared.
  private static let chosenByUser: String? = environment("OPENBLAS_CORETYPE")

  private static func prepareLibrary() -> String {
    openblas_set_num_threads(1)
    let before = coreName
    if chosenByUser == nil, let better = preferredCore, better != before {
      // The library reads the variable when its choice is redone. It is unset afterwards, so that
      // child processes choose for themselves.
      unsafe setenv("OPENBLAS_CORETYPE", better, 1)
      gotoblas_dynamic_quit()
      gotoblas_dynamic_init()
      unsafe unsetenv("OPENBLAS_CORETYPE")
      openblas_set_num_threads(1)
    }
    return "openblas-\(version)/\(coreName)"
  }

  /// The best kernels for the CPU's feature flags; nil to keep the library's choice.
  private static var preferredCore: String? {
    #if arch(x86_64)
      switch KernelLevel.highest {
      case .avx512: ctk_has_avx512_bf16() != 0 ? "Cooperlake" : "SkylakeX"
      // Zen and Haswell kernels are both AVX2, so the library's choice is as good.
      case .avx2: isAVX2Core ? nil : "Haswell"
      case .plain: nil
      }
    #else
      nil
    #endif
  }

  private static var isAVX2Core: Bool { ["Haswell", "Zen", "Excavator"].contains(coreName) }

  private static var coreName: String {
    guard let name = unsafe openblas_get_corename() else { return "unknown" }
    return unsafe String(cString: name)
  }

  private static var version: String {
    guard let text = unsafe openblas_get_config() else { return "unknown" }
    // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …"
    let words = unsafe String(cString: text).split(separator: " ")
    return words.dropFirst().first.map(String.init) ?? "unknown"
  }

  private static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
    return unsafe String(cString: value)
  }
}

/// The instruction set level of the package's own kernels.
package enum KernelLevel: Int32, Sendable, CaseIterable, Comparable, CustomStringConvertible {
  case plain = 0
  case avx2 = 1
  case avx512 = 2

  /// The highest level that this processor supports.
  package static var highest: KernelLevel { KernelLevel(rawValue: ctk_highest_level()) ?? .plain }
  /// The level in use on the calling thread.
  package static var current: KernelLevel { KernelLevel(rawValue: ctk_level()) ?? .plain }

  /// Limits the level on the calling thread and in the parallel loops it starts, for comparisons
  /// between levels.
  package static func limit(to level: KernelLevel) { _ = ctk_limit_level(level.rawValue) }

  package var description: String {
    switch self {
    case .plain: "plain"
    case .avx2: "avx2"
    case .avx512: "avx512"
    }
  }

  package static func < (a: KernelLevel, b: KernelLevel) -> Bool { a.rawValue < b.rawValue }
}
