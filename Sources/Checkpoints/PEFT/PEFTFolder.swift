import Bytes
import Foundation
import Numerics

/// An adapter folder of Hugging Face's PEFT: `adapter_config.json` and `adapter_model.safetensors`, or
/// `adapter_model.bin` as PEFT wrote before version 0.7.
package struct PEFTFolder: Sendable {
  /// The contents of `adapter_config.json`.
  package var configuration: JSON
  /// Shape and row-major values of each tensor, by key.
  package var tensors: [String: (shape: [Int], values: [Float])]
  package let path: String

  package static let configurationFile = "adapter_config.json"
  package static let weightsFile = "adapter_model.safetensors"
  static let olderWeightsFile = "adapter_model.bin"

  /// The path of the tensors' file.
  package var weightsPath: String {
    let older = "\(path)/\(Self.olderWeightsFile)"
    let isOlder = Checkpoint.exists(older) && !Checkpoint.exists("\(path)/\(Self.weightsFile)")
    return isOlder ? older : "\(path)/\(Self.weightsFile)"
  }

  package init(
    path: String, configuration: JSON, tensors: [String: (shape: [Int], values: [Float])]
  ) {
    self.path = path
    self.configuration = configuration
    self.tensors = tensors
  }

  /// Reads the adapter in the folder `path`. As in PEFT, safetensors take precedence.
  /// - Throws: `inputMissing` if one of the two files doesn't exist, `invalidData` if one is
  ///   malformed or a value isn't finite.
  package init(reading path: String) throws(Failure) {
    try Self.checkFolder(path)
    self.init(
      path: path, configuration: try JSON(reading: path + "/" + Self.configurationFile),
      tensors: [:])
    let weights = weightsPath
    for (name, entry) in try Self.entries(weights) {
      guard let format = entry.type.floatFormat else {
        throw Failure(
          .invalidData, file: weights, at: "tensor \"\(name)\"",
          "is stored as \(entry.type.rawValue)", advice: "save it as F32, F16 or BF16")
      }
      let values = entry.bytes.floats(as: format)
      if let bad = values.firstIndex(where: { !$0.isFinite }) {
        throw Failure(
          .invalidData, file: weights, at: "tensor \"\(name)\"",
          "value \(bad) is not a finite number")
      }
      tensors[name] = (entry.shape, values)
    }
  }

  private static func entries(_ path: String) throws(Failure) -> [String: WeightEntry] {
    guard Checkpoint.exists(path) else {
      throw Failure(
        .inputMissing, file: PathNames.parent(path),
        "has neither \(weightsFile) nor \(olderWeightsFile)",
        advice: "fetch the adapter's weights")
    }
    return path.hasSuffix(".bin")
      ? try PyTorchFile(path: path).entries
      : try SafetensorsFile(path: path).entries.mapValues { WeightEntry($0) }
  }

  /// Refuses a file or another kind of folder in place of an adapter's folder.
  private static func checkFolder(_ path: String) throws(Failure) {
    if Checkpoint.exists(path), !Checkpoint.isFolder(path) {
      let content = FileContent(of: try MappedFile(path: path).bytes)
      throw Failure(
        .invalidData, file: path, "is \(content.words), not an adapter's folder",
        advice: "give the folder with \(configurationFile) and \(weightsFile)")
    }
    if Checkpoint.isFolder(path), !Checkpoint.exists("\(path)/\(configurationFile)") {
      let inner = try Folder.names(in: path).sorted().first {
        Checkpoint.exists("\(path)/\($0)/\(configurationFile)")
      }
      throw Failure(
        .inputMissing, file: "\(path)/\(configurationFile)",
        Checkpoint.exists("\(path)/config.json")
          ? "is missing: the folder holds a model, not an adapter" : "is missing",
        advice: inner.map { "the folder \($0.quoted) in it has one" })
    }
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
