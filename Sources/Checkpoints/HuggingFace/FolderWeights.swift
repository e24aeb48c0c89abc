import Bytes

/// The tensors of a model folder, from its single weights file or the files named in its index.
struct FolderWeights: Sendable {
  let tensors: [String: WeightEntry]
  /// The files read, the index first.
  let files: [String]
  /// The single file or the index: the path that failures about the whole set name.
  var description: String { files.first ?? "" }

  /// The file formats in which transformers saves weights.
  private enum Form: CaseIterable {
    case safetensors, pyTorch

    var single: String { self == .safetensors ? "model.safetensors" : "pytorch_model.bin" }
    var index: String { single + ".index.json" }
    var suffix: String { self == .safetensors ? ".safetensors" : ".bin" }
    var kind: String { self == .safetensors ? "safetensors" : "PyTorch" }

    func read(_ path: String) throws(Failure) -> [String: WeightEntry] {
      switch self {
      case .safetensors: try SafetensorsFile(path: path).entries.mapValues { WeightEntry($0) }
      case .pyTorch: try PyTorchFile(path: path).entries
      }
    }
  }

  /// Opens the weights in `folder`. As in transformers, safetensors take precedence over PyTorch's
  /// files, and a single file over an index.
  init(folder: String) throws(Failure) {
    for form in Form.allCases {
      let single = "\(folder)/\(form.single)"
      if Checkpoint.exists(single) {
        files = [single]
        tensors = try form.read(single)
        return
      }
      let index = "\(folder)/\(form.index)"
      if Checkpoint.exists(index) {
        let map = try Self.weightMap(index, form)
        var shards: [String: [String: WeightEntry]] = [:]
        let names = Set(map.values).sorted()
        try Self.checkPresent(names, folder, index)
        for name in names { shards[name] = try form.read("\(folder)/\(name)") }
        files = [index] + names.map { "\(folder)/\($0)" }
        tensors = try Self.join(map, shards, folder, form)
        return
      }
    }
    throw Failure(
      .inputMissing, file: folder,
      "has neither \(Form.safetensors.single) nor \(Form.pyTorch.single), nor an index of either",
      advice: Self.found(in: folder))
  }

  /// Whether `folder` has weights in one of the forms.
  static func arePresent(in folder: String) -> Bool {
    Form.allCases.contains {
      Checkpoint.exists("\(folder)/\($0.single)") || Checkpoint.exists("\(folder)/\($0.index)")
    }
  }

  /// Refuses an index of which files are missing, as after a download that was cut short.
  private static func checkPresent(
    _ names: [String], _ folder: String, _ index: String
  ) throws(Failure) {
    let missing = names.filter { !Checkpoint.exists("\(folder)/\($0)") }
    guard let first = missing.first else { return }
    throw Failure(
      .inputMissing, file: index,
      "names \(names.count) files, of which \(first.quoted)"
        + (missing.count > 1 ? " and \(missing.count - 1) more aren't" : " isn't")
        + " in the folder",
      advice: "fetch the missing files")
  }

  /// Advice about weight files of other names; nil if the folder has none.
  private static func found(in folder: String) -> String? {
    let endings = [".safetensors", ".bin", ".pth", ".pt", ".h5", ".msgpack", ".onnx"]
    let others = ((try? Folder.names(in: folder)) ?? []).filter { name in
      endings.contains { name.hasSuffix($0) }
    }
    guard let first = others.min() else { return nil }
    return "found \(first.quoted)" + (others.count > 1 ? " and \(others.count - 1) more" : "")
      + "; give a single file the name \(Form.safetensors.single), or fetch the index that names"
      + " several files"
  }

  /// The index's `weight_map`: the file name of each tensor.
  private static func weightMap(_ path: String, _ form: Form) throws(Failure) -> [String: String] {
    let json = try JSON(reading: path)
    var map: [String: String] = [:]
    for (name, value) in try json.required("weight_map", as: JSONObject.self, file: path) {
      func refuse(_ finding: String) -> Failure {
        Failure(.invalidData, file: path, at: "weight_map, tensor \(name.quoted)", finding)
      }
      guard let file = value.string else {
        throw refuse("expected a file name, found \(value.kindName)")
      }
      // A name, never a path: an index must not reach outside its folder.
      guard file.hasSuffix(form.suffix), !file.hasPrefix("."),
        !file.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 < 0x20 })
      else {
        throw refuse("\(file.quoted) isn't the name of a \(form.kind) file in the index's folder")
      }
      guard map.updateValue(file, forKey: name) == nil else { throw refuse("appears twice") }
    }
    return map
  }

  private static func join(
    _ map: [String: String], _ shards: [String: [String: WeightEntry]], _ folder: String,
    _ form: Form
  ) throws(Failure) -> [String: WeightEntry] {
    var tensors: [String: WeightEntry] = [:]
    for (name, file) in map.sorted(by: { $0.key < $1.key }) {
      guard let entry = shards[file]?[name] else {
        throw Failure(
          .invalidData, file: "\(folder)/\(form.index)", at: "weight_map, tensor \(name.quoted)",
          "isn't in \(file.quoted), the file that the index names")
      }
      tensors[name] = entry
    }
    for (file, shard) in shards.sorted(by: { $0.key < $1.key }) {
      if let stray = shard.keys.filter({ map[$0] != file }).min() {
        throw Failure(
          .invalidData, file: "\(folder)/\(file)", at: "tensor \(stray.quoted)",
          "isn't listed for this file in \(form.index)")
      }
    }
    return tensors
  }
}
