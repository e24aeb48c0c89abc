import Bytes

/// The tensors of a folder: those of `model.safetensors`, or of the files its index names.
struct SafetensorsWeights: Sendable {
  let tensors: [String: SafetensorsFile.Entry]
  /// The files read, the index first.
  let files: [String]
  /// What failures about the set as a whole name: the single file, or the index.
  var description: String { files.first ?? "" }

  private static let single = "model.safetensors"
  private static let index = "model.safetensors.index.json"

  init(folder: String) throws(Failure) {
    // As transformers does: a single file wins over an index.
    if Checkpoint.exists("\(folder)/\(Self.single)") {
      let path = "\(folder)/\(Self.single)"
      files = [path]
      tensors = try SafetensorsFile(path: path).entries
    } else if Checkpoint.exists("\(folder)/\(Self.index)") {
      let path = "\(folder)/\(Self.index)"
      let map = try Self.weightMap(path)
      var shards: [String: SafetensorsFile] = [:]
      let names = Set(map.values).sorted()
      for name in names { shards[name] = try SafetensorsFile(path: "\(folder)/\(name)") }
      files = [path] + names.map { "\(folder)/\($0)" }
      tensors = try Self.join(map, shards, index: path)
    } else {
      let hasPickle =
        Checkpoint.exists("\(folder)/pytorch_model.bin")
        || Checkpoint.exists("\(folder)/pytorch_model.bin.index.json")
      throw Failure(
        .inputMissing, file: folder, "has neither \(Self.single) nor \(Self.index)",
        advice: hasPickle
          ? "pytorch_model.bin isn't read; save the model again with safe_serialization=True" : nil)
    }
  }

  /// `weight_map` of the index: the file of each tensor.
  private static func weightMap(_ path: String) throws(Failure) -> [String: String] {
    let json = try JSON(parsing: try MappedFile(path: path).bytes, file: path)
    var map: [String: String] = [:]
    for (name, value) in try json.required("weight_map", as: JSONObject.self, file: path) {
      func refuse(_ finding: String) -> Failure {
        Failure(.invalidData, file: path, at: "weight_map, tensor \(name.quoted)", finding)
      }
      guard let file = value.string else {
        throw refuse("expected a file name, found \(value.kindName)")
      }
      // A name, never a path: an index must not reach outside its folder.
      guard file.hasSuffix(".safetensors"), !file.hasPrefix("."),
        !file.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 < 0x20 })
      else { throw refuse("\(file.quoted) isn't the name of a safetensors file beside the index") }
      guard map.updateValue(file, forKey: name) == nil else { throw refuse("appears twice") }
    }
    return map
  }

  private static func join(
    _ map: [String: String], _ shards: [String: SafetensorsFile], index: String
  ) throws(Failure) -> [String: SafetensorsFile.Entry] {
    var tensors: [String: SafetensorsFile.Entry] = [:]
    for (name, file) in map.sorted(by: { $0.key < $1.key }) {
      guard let entry = shards[file]?.entries[name] else {
        throw Failure(
          .invalidData, file: index, at: "weight_map, tensor \(name.quoted)",
          "isn't in \(file.quoted), which should hold it")
      }
      tensors[name] = entry
    }
    for (file, shard) in shards.sorted(by: { $0.key < $1.key }) {
      if let stray = shard.entries.keys.filter({ map[$0] != file }).min() {
        throw Failure(
          .invalidData, file: shard.path, at: "tensor \(stray.quoted)",
          "isn't listed for this file in \(Self.index)")
      }
    }
    return tensors
  }
}
