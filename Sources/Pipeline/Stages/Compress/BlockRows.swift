import Builds
import Bytes
import Models
import Numerics

/// The activations that enter a block, as files of the stage's partial state. They are saved now and
/// then, so that a stopped run can go on; chunks beyond the memory budget are always in files.
///
/// A chunk is a file of float32, `rows-<set>-<chunk>.f32`. Two sets take turns, and the state `rows`,
/// written last, names the valid one and its digests (`full-rows` for the uncompressed model's rows,
/// in the names of files too). Rows in files are saved with every block: the valid set is never the
/// one that is being written.
struct BlockRows {
  let space: ActivationSpace
  let partial: PartialState
  private let name: String
  /// The set that holds what enters the block at hand, as far as it is in files.
  private(set) var set = 0
  private(set) var chunks: [Tensor] = []

  /// - Parameter name: of the state.
  init(_ space: ActivationSpace, _ partial: PartialState, name: String = "rows") {
    self.space = space
    self.partial = partial
    self.name = name
  }

  private var isSpilled: Bool { !space.spilledChunks.isEmpty }

  /// The set for what leaves the block.
  var otherSet: Int { 1 - set }

  /// Whether the rows are to be saved at every block's end.
  var isDueAlways: Bool { isSpilled }

  /// Takes up the saved rows.
  ///
  /// - Returns: the block that they enter; nil where there are none, or not all of them whole.
  /// - Throws: `interrupted` where the user asked to stop meanwhile; the saved rows stay valid.
  mutating func load() throws(Failure) -> Int? {
    guard let head = partial.json(name), let block = head["block"]?.int,
      let saved = head["set"]?.int, (0...1).contains(saved),
      let digests = head["sha256"]?.array?.compactMap({ $0.string }),
      digests.count == space.rows.count
    else { return nil }
    for (chunk, digest) in digests.enumerated() {
      // Looked at before anything is opened for writing, which would bring it to its size.
      guard let path = space.residualPath(chunk, set: saved),
        let file = try? MappedFile(path: path), file.bytes.count == byteCount(chunk)
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

  private func byteCount(_ chunk: Int) -> Int { space.rows[chunk] * space.rowBytes }

  /// Begins with the rows that enter block 0; saved rows are no longer valid.
  mutating func begin(with chunks: [Tensor]) {
    partial.remove(name)
    set = 0
    self.chunks = chunks
  }

  /// Goes on with what left a block, which must be of `otherSet` where it is in files.
  mutating func advance(to outputs: [Tensor]) {
    chunks = outputs
    set = otherSet
  }

  /// Saves the rows, which enter `block`, unless that is done already.
  mutating func save(block: Int) throws {
    if partial.json(name)?["block"]?.int == block { return }
    // Rows in memory can go to whichever set doesn't count; those in files are where they are.
    if !isSpilled { set = partial.json(name)?["set"]?.int == 0 ? 1 : 0 }
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
