import Bytes
import Checkpoints
import Numerics

/// Weights of a Hugging Face folder or a GGUF file.
struct CheckpointWeights: WeightStore {
  let source: any TensorSource

  var configuration: ModelConfiguration { source.configuration }

  func contains(_ key: String) -> Bool { source.shape(of: key) != nil }

  func matrix(_ key: String, rows: Int, columns: Int) throws(Failure) -> Weight {
    try check(key, [rows, columns])
    if let (format, bytes) = source.storedFloats(key), format != .float32 {
      return .stored(format, bytes, rows: rows, columns: columns)
    }
    return .dense(try source.tensor(key))
  }

  func vector(_ key: String, count: Int) throws(Failure) -> Tensor {
    try check(key, [count])
    return try source.tensor(key)
  }

  private func check(_ key: String, _ expected: [Int]) throws(Failure) {
    guard let shape = source.shape(of: key) else {
      throw Failure(
        .invalidData, file: source.files.first, at: "tensor \(key)",
        "is missing, but the model's configuration needs it")
    }
    try checkShape(of: key, shape, is: expected, file: source.files.first)
  }
}
