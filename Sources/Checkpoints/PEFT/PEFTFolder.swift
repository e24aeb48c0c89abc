import Bytes
import Foundation
import Numerics

/// An adapter folder of Hugging Face's PEFT: `adapter_config.json` and `adapter_model.safetensors`.
package struct PEFTFolder: Sendable {
  /// The contents of `adapter_config.json`.
  package var configuration: JSON
  /// Shape and row-major values of each tensor, by key.
  package var tensors: [String: (shape: [Int], values: [Float])]
  package let path: String

  package static let configurationFile = "adapter_config.json"
  package static let weightsFile = "adapter_model.safetensors"

  package init(
    path: String, configuration: JSON, tensors: [String: (shape: [Int], values: [Float])]
  ) {
    self.path = path
    self.configuration = configuration
    self.tensors = tensors
  }

  /// Reads the adapter in the folder `path`.
  /// - Throws: `inputMissing` if one of the two files doesn't exist, `invalidData` if one is
  ///   malformed or a value isn't finite.
  package init(reading path: String) throws(Failure) {
    let file = path + "/" + Self.configurationFile
    configuration = try JSON(parsing: MappedFile(path: file).bytes, file: file)
    let weights = try SafetensorsFile(path: path + "/" + Self.weightsFile)
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    for (name, entry) in weights.entries {
      guard let format = entry.type.floatFormat else {
        throw Failure(
          .invalidData, file: weights.path, at: "tensor \"\(name)\"",
          "is stored as \(entry.type.rawValue)", advice: "save it as F32, F16 or BF16")
      }
      let values = entry.bytes.floats(as: format)
      if let bad = values.firstIndex(where: { !$0.isFinite }) {
        throw Failure(
          .invalidData, file: weights.path, at: "tensor \"\(name)\"",
          "value \(bad) is not a finite number")
      }
      tensors[name] = (entry.shape, values)
    }
    self.tensors = tensors
    self.path = path
  }

  /// Writes both files, the configuration last, so that a folder with a configuration is complete.
  package func write() throws(Failure) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(.cannotCreate, file: path, "the folder can't be created")
    }
    try SafetensorsWriter.write(
      tensors, metadata: ["format": "pt"], to: path + "/" + Self.weightsFile)
    try AtomicFile.write(
      configuration.prettyText + "\n", to: path + "/" + Self.configurationFile)
  }
}
