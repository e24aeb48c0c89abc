import Bytes

/// A state dict in the format that `torch.save` has written since PyTorch 1.6, fully checked on
/// opening:
///
///     a zip archive of   NAME/data.pkl      the state dict, tensors as views of storages
///                        NAME/data/KEY      the values of one storage
///                        NAME/byteorder     "little", if present
///
/// Tensors stay in the mapped file; several may share a storage.
package struct PyTorchFile: Sendable {
  package let path: String
  package let entries: [String: WeightEntry]

  /// The start of files from before PyTorch 1.6: a pickle of the number 0x1950A86A20F9469CFC6C.
  private static let olderStart: [UInt8] = [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9]
  private static let zipStart: [UInt8] = [0x50, 0x4B, 0x03, 0x04]

  /// - Throws: `inputMissing` if the file doesn't exist, `invalidData` if it is malformed or
  ///   contains anything but tensors.
  package init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    try FileContent.expect(.pyTorch, in: file.bytes, file: path)
    try self.init(bytes: file.bytes, path: path, file: file)
  }

  package init(bytes: ByteSlice, path: String) throws(Failure) {
    try self.init(bytes: bytes, path: path, file: nil)
  }

  private init(bytes: ByteSlice, path: String, file: MappedFile?) throws(Failure) {
    self.path = path
    try Self.checkStart(bytes, path)
    let archive = try ZipArchive(bytes: bytes, path: path)
    let (root, data) = try Self.root(of: archive)
    if let order = archive.entries["\(root)/byteorder"],
      bytes.slice(order)?.array != Array("little".utf8)
    {
      throw Failure(
        .invalidData, file: path, at: "\(root)/byteorder", "the values aren't little-endian",
        advice: "save the model again on a little-endian machine")
    }
    guard let program = bytes.slice(data) else {
      throw Failure(.invalidData, file: path, at: "\(root)/data.pkl", "lies outside the file")
    }
    let pickle = try Pickle(bytes: program, file: path, place: "\(root)/data.pkl")
    var entries: [String: WeightEntry] = [:]
    for (name, tensor) in try Self.stateDict(pickle, path) {
      let storage = archive.entries["\(root)/data/\(tensor.storage.key)"]
      let entry = try Self.entry(name, tensor, storage, bytes, path, file)
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw Failure(
          .invalidData, file: path, at: "tensor \(name.quoted)", "appears twice in the state dict")
      }
    }
    self.entries = entries
  }

  private static func checkStart(_ bytes: ByteSlice, _ path: String) throws(Failure) {
    let start = bytes.slice(0..<min(olderStart.count, bytes.count))?.array ?? []
    if start == olderStart {
      throw Failure(
        .invalidData, file: path, at: "byte 0", "is in torch.save's format from before PyTorch 1.6",
        advice: "convert it with torch.save(torch.load(FILE, weights_only=True), FILE)")
    }
    guard start.starts(with: zipStart) else {
      throw Failure(
        .invalidData, file: path, at: "byte 0", "isn't a zip archive written by torch.save",
        advice: "fetch the file again, or save the model as safetensors")
    }
  }

  /// The archive's root folder and the byte range of the pickle.
  private static func root(
    of archive: ZipArchive
  ) throws(Failure) -> (name: String, data: Range<Int>) {
    let found = archive.entries.filter {
      $0.key.hasSuffix("/data.pkl") && $0.key.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 1
    }
    guard found.count == 1, let (name, data) = found.first else {
      throw Failure(
        .invalidData, file: archive.path,
        "has \(found.count) entries NAME/data.pkl; torch.save writes one",
        advice: "save the model's state_dict again")
    }
    return (String(name.dropLast("/data.pkl".count)), data)
  }

  private static func stateDict(
    _ pickle: Pickle, _ path: String
  ) throws(Failure) -> [(name: String, tensor: PickledTensor)] {
    func refuse(_ place: String?, _ finding: String) -> Failure {
      Failure(
        .invalidData, file: path, at: place, finding,
        advice: "save the model's state_dict alone, a dictionary from names to tensors")
    }
    guard case .dictionary(let items) = pickle.values[pickle.root] else {
      throw refuse(nil, "holds \(pickle.values[pickle.root].kindName), not a state dict")
    }
    var tensors: [(name: String, tensor: PickledTensor)] = []
    for (key, value) in items {
      guard case .text(let name) = pickle.values[key] else {
        throw refuse(nil, "a key of the state dict is \(pickle.values[key].kindName), not a name")
      }
      guard case .tensor(let tensor) = pickle.values[value] else {
        throw refuse("key \(name.quoted)", "is \(pickle.values[value].kindName), not a tensor")
      }
      tensors.append((name, tensor))
    }
    return tensors
  }

  /// Checks a tensor against its storage, so that nothing outside the storage is ever read.
  private static func entry(
    _ name: String, _ tensor: PickledTensor, _ place: Range<Int>?, _ bytes: ByteSlice,
    _ path: String, _ file: MappedFile?
  ) throws(Failure) -> WeightEntry {
    func refuse(_ finding: String) -> Failure {
      Failure(
        .invalidData, file: path, at: "tensor \(name.quoted)", finding,
        advice: "the file is damaged; fetch it again")
    }
    let storage = tensor.storage
    guard let place else { throw refuse("its storage \(storage.key.quoted) isn't in the archive") }
    let size = storage.type.bits / 8
    guard storage.type.byteCount([storage.count]) == place.count else {
      throw refuse(
        "its storage should hold \(storage.count) values of \(storage.type.rawValue), but has"
          + " \(place.count) bytes")
    }
    // Also prevents strides of 0 from claiming more memory than the file has bytes.
    guard let total = storage.type.byteCount(tensor.shape), total <= place.count,
      let reach = reach(tensor), reach <= storage.count
    else {
      throw refuse(
        "the shape \(tensor.shape) with strides \(tensor.strides) from offset \(tensor.offset)"
          + " reaches beyond its storage of \(storage.count) values, or repeats some")
    }
    let isPlain = total == 0 || tensor.isRowMajor
    let start = place.lowerBound + (total == 0 ? 0 : tensor.offset * size)
    let end = total == 0 ? start : isPlain ? start + total : place.lowerBound + reach * size
    guard let stored = bytes.slice(start..<end) else {
      throw refuse("is outside the file")
    }
    return WeightEntry(
      type: storage.type, shape: tensor.shape, strides: isPlain ? nil : tensor.strides,
      stored: stored, source: file.map { ($0, start..<end) })
  }

  /// The end of the storage elements that the tensor reads; nil on overflow.
  private static func reach(_ tensor: PickledTensor) -> Int? {
    if tensor.shape.contains(0) { return 0 }
    var last = tensor.offset
    for (size, stride) in zip(tensor.shape, tensor.strides) {
      let (step, tooFar) = (size - 1).multipliedReportingOverflow(by: stride)
      let (sum, tooMuch) = last.addingReportingOverflow(step)
      if tooFar || tooMuch { return nil }
      last = sum
    }
    return last == .max ? nil : last + 1
  }
}

extension PickledTensor {
  /// Whether the values are contiguous, the last dimension innermost.
  fileprivate var isRowMajor: Bool {
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      if stride != expected { return false }
      expected *= size
    }
    return true
  }
}
