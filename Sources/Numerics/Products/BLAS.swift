import CKernels
import COpenBLAS
import Glibc

/// The library underneath the Cholesky factors, and which of its kernels run. (Products in float32
/// are this module's own, see CKernels/gemm.c.)
///
/// OpenBLAS picks kernels by the processor's model, and falls back to those of 2013 for models that
/// are newer than itself. What the processor can do is a better guide, so unless the user chose
/// through OPENBLAS_CORETYPE, the choice is redone from the CPU's flags.
package enum BLAS {
  /// Picks the kernels and makes the library single-threaded (loops above it use the cores).
  /// Whatever needs the library calls it; calling it again does nothing.
  package static func prepare() { _ = kernelClass }

  /// Library, its kernels, and the level of this module's own kernels, for example
  /// "openblas-0.3.21/Cooperlake+avx512+bf16" (bf16: bfloat16 products exist; int8 or dotprod: only
  /// the decode products have fast kernels, in integers). Results are the same to the bit wherever this
  /// is the same.
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

  /// One line for people: the kernel class, and who chose it.
  package static var describe: String {
    let by = chosenByUser.map { " (OPENBLAS_CORETYPE=\($0) as set by the user)" } ?? ""
    return kernelClass + by
  }

  /// What the user set, as it was when the library was prepared.
  private static let chosenByUser: String? = environment("OPENBLAS_CORETYPE")

  private static func prepareLibrary() -> String {
    openblas_set_num_threads(1)
    let before = coreName
    if chosenByUser == nil, let better = preferredCore, better != before {
      // The library reads the variable once more when its choice is redone; afterwards it goes, so
      // that child processes choose for themselves.
      unsafe setenv("OPENBLAS_CORETYPE", better, 1)
      gotoblas_dynamic_quit()
      gotoblas_dynamic_init()
      unsafe unsetenv("OPENBLAS_CORETYPE")
      openblas_set_num_threads(1)
    }
    return "openblas-\(version)/\(coreName)"
  }

  /// The best kernels for the CPU's flags; nil where the library's own choice stands.
  private static var preferredCore: String? {
    #if arch(x86_64)
      switch KernelLevel.highest {
      case .avx512: ctk_has_avx512_bf16() != 0 ? "Cooperlake" : "SkylakeX"
      // Zen and Haswell kernels are both AVX2: there the library's choice is as good.
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

/// Which instructions this module's own kernels use.
package enum KernelLevel: Int32, Sendable, CaseIterable, Comparable, CustomStringConvertible {
  case plain = 0
  case avx2 = 1
  case avx512 = 2

  /// What this processor can do.
  package static var highest: KernelLevel { KernelLevel(rawValue: ctk_highest_level()) ?? .plain }
  package static var current: KernelLevel { KernelLevel(rawValue: ctk_level()) ?? .plain }

  /// Limits the level on the calling thread and in the loops that it starts, for comparisons
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
