import Builds
import Bytes
import Models
import Numerics

/// The input activations of a block, in chunks of rows. They are saved occasionally in the stage's
/// partial state, so that a stopped run can resume; chunks beyond the memory budget are always in
/// files.
///
/// A chunk's file has float32 numbers and is named `rows-<set>-<chunk>.f32`. Two sets of files
/// alternate. The state `rows`, written last, names the valid set and its digests; the valid set is
/// never the one being written. For the uncompressed model, the prefix is `full-rows`. Rows in
/// files are saved after every block.
struct BlockRows {
  let space: ActivationSpace
  let partial: PartialState
  private let name: String
  /// The set of files, 0 or 1, that contains the current block's inputs.
  private(set) var set = 0
  /// The current block's inputs, one tensor per chunk of rows.
  private(set) var chunks: [Tensor] = []

  /// Makes rows without content.
  ///
  /// - Parameter name: the name of the saved state.
  init(_ space: ActivationSpace, _ partial: PartialState, name: String = "rows") {
    self.space = space
    self.partial = partial
    self.name = name
  }

  /// Whether some chunks are beyond the memory budget.
  private var isSpilled: Bool { !space.spilledChunks.isEmpty }

  /// The set of files for the current block's outputs.
  var otherSet: Int { 1 - set }

  /// Whether the rows must be saved after every block.
  var isDueAlways: Bool { isSpilled }

  /// Loads the saved rows.
  ///
  /// - Returns: the index of the block whose inputs they are; nil if there are none, or if some are
  ///   damaged.
  /// - Throws: `interrupted` if a stop was requested; the saved rows stay valid.
  mutating func load() throws(Failure) -> Int? {
    guard let head = try partial.json(name), let block = head["block"]?.int,
      let saved = head["set"]?.int, (0...1).contains(saved),
      let digests = head["sha256"]?.array?.compactMap({ $0.string }),
      digests.count == space.rows.count
    else { return nil }
    for (chunk, digest) in digests.enumerated() {
      // Checked before the file is opened for writing, which would resize it.
      guard let path = space.residualPath(chunk, set: saved),
        let file = try MappedFile.ifPresent(path), file.bytes.count == byteCount(chunk)
      else { return nil }
      if try FileDigest.of(path).digest.hex != digest { return nil }
    }
    set = saved
    chunks = []
    for index in space.rows.indices {
      let tensor = try space.residual(index, set: saved)
      if tensor.file == nil, let path = space.residualPath(index, set: saved) {
        let file = try MappedFile(path: path)
        tensor.copy(from: Tensor(mapping: file.bytes, shape: tensor.shape))
      }
      chunks.append(tensor)
    }
    return block
  }

  /// Returns the size of a chunk in bytes.
  private func byteCount(_ chunk: Int) -> Int { space.rows[chunk] * space.rowBytes }

  /// Starts with the inputs of block 0 and invalidates the saved rows.
  mutating func begin(with chunks: [Tensor]) {
    partial.remove(name)
    set = 0
    self.chunks = chunks
  }

  /// Replaces the inputs by a block's outputs, whose files must be those of `otherSet`.
  mutating func advance(to outputs: [Tensor]) {
    chunks = outputs
    set = otherSet
  }

  /// Saves the rows as the inputs of `block`, unless they are already saved.
  mutating func save(block: Int) throws {
    let saved = try partial.json(name)
    if saved?["block"]?.int == block { return }
    // Rows in memory are written to the set that isn't valid; rows in files already have their set.
    if !isSpilled { set = saved?["set"]?.int == 0 ? 1 : 0 }
    var digests: [JSON] = []
    for (index, chunk) in chunks.enumerated() {
      if let file = chunk.file {
        try file.synchronize()
        digests.append(.string(SHA256Digest(hashing: file.bytes).hex))
        file.release()
      } else if let path = space.residualPath(index, set: set) {
        let bytes = [UInt8](floats: chunk.values)
        try AtomicFile.write(bytes, to: path)
        digests.append(.string(SHA256Digest(hashing: bytes).hex))
      }
    }
    try partial.save(name, ["block": JSON(block), "set": JSON(set), "sha256": .array(digests)])
    for index in chunks.indices where !space.spilledChunks.contains(index) {
      space.residualPath(index, set: 1 - set).map { partial.removeFile($0) }
    }
  }
}
