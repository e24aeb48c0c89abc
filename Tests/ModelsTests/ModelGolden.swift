import Bytes
import Checkpoints
import Foundation
import Models
import Numerics

/// A pair of golden files in Golden/: a JSON file of numbers, and a file of float32 arrays that
/// another program computed.
struct GoldenFile {
  let numbers: JSON
  private let floats: ByteSlice

  /// Folder of the golden files, with a slash at the end.
  static let folder = (Foundation.Bundle.module.resourcePath ?? ".") + "/Golden/"

  init(_ name: String) throws {
    numbers = try JSON(parsing: MappedFile(path: Self.folder + name + ".json").bytes)
    floats = try MappedFile(path: Self.folder + name + ".f32").bytes
  }

  func ids() throws -> [[Int32]] {
    try numbers.required("ids", as: [JSON].self).map(Self.integers)
  }

  static func integers(_ json: JSON?) -> [Int32] {
    json?.array?.compactMap { $0.int.map(Int32.init) } ?? []
  }

  func array(_ key: String) throws -> Tensor {
    let entry = try numbers.required("arrays").required(key)
    let shape = try entry.required("shape", as: [JSON].self).compactMap(\.int)
    let offset = try entry.required("offset", as: Int.self)
    let values = (0..<shape.reduce(1, *)).map {
      Float(bitPattern: floats.integer(at: offset + 4 * $0) ?? .max)
    }
    return Tensor(shape, values)
  }
}

/// Golden data of one model: token ids, and the arrays that transformers computed for them
/// (Golden/make_model_golden.py).
struct Golden {
  let name: String
  let ids: [[Int32]]
  /// Mean loss per scored token with the prompt, in nats.
  let loss: Double
  /// Rows of the first sequence's logits that the file has.
  let rows: [Int]
  /// Distance between the logits' columns that the file has.
  let columnStride: Int
  /// Distance between the gradient's columns that the file has.
  let gradientStride: Int
  /// Token ids whose embeddings are the prompt.
  let promptRows: [Int32]
  private let file: GoldenFile

  static let tinyModels = [
    "llama-odd", "llama3-scaled", "llama-linear", "mistral", "qwen2", "opt", "opt-350m", "opt-bare",
    "qwen3",
  ]

  init(_ name: String) throws {
    self.name = name
    file = try GoldenFile(name)
    let numbers = file.numbers
    ids = try file.ids()
    loss = try numbers.required("loss", as: Double.self)
    rows = GoldenFile.integers(numbers["rows"]).map(Int.init)
    columnStride = try numbers.required("columnStride", as: Int.self)
    gradientStride = try numbers.required("gradientStride", as: Int.self)
    promptRows = GoldenFile.integers(numbers["promptRows"])
  }

  func array(_ key: String) throws -> Tensor { try file.array(key) }

  func model() throws -> LanguageModel {
    try LanguageModel(source: Checkpoint.open(GoldenFile.folder + name))
  }
}

/// ‖a − b‖ / ‖b‖, in float64, for gradients of golden models. Float32 gradients of two programs
/// differ by less than 10⁻⁵; a wrong factor in one layer of three changes them by 10⁻² or more.
func relativeError(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count, "\(a.count) values against \(b.count)")
  var (difference, reference) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    reference += Double(y) * Double(y)
  }
  return (difference / reference).squareRoot()
}

/// The largest |a − b| over the largest |b|.
///
/// The models and texts compared with it are fixtures, and its limits are outcomes: two float32
/// computations of the same numbers in another order differ by a few units in the last place (less
/// than 10⁻⁶), with an amplification that has no bound of use. A limit of 10⁻⁵ is for ctpack's own
/// computations, one of 10⁻⁴ for other programs'.
func relativeDeviation(_ a: [Float], _ b: [Float]) -> Float {
  precondition(a.count == b.count, "\(a.count) values against \(b.count)")
  return (zip(a, b).map { abs($0 - $1) }.max() ?? 0) / (b.map(abs).max() ?? 1)
}

/// Mean over all losses of all sequences.
func mean(_ losses: [[Float]]) -> Double {
  let all = losses.joined().map(Double.init)
  return all.reduce(0, +) / Double(all.count)
}
