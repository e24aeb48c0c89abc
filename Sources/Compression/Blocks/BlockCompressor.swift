import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics

/// The compression of a model one block at a time, each on inputs that carry the errors of all blocks
/// before it.
///
///     let compressor = try BlockCompressor(
///       settings, for: model.configuration, sequenceLength: 512)
///     var inputs = try compressor.inputs(for: windows, of: model)
///     for index in 0..<layers {
///       let (block, outputs, _) = try compressor.compressBlock(index, of: model, inputs: inputs)
///       inputs = outputs
///     }
///
/// Where the settings correct for drift (`needsFullModel`), the rows of the uncompressed model go through
/// the blocks beside those, as `full`.
///
/// Results depend on nothing but the settings, the block's weights and its inputs. Load the model
/// with `residency: .streamed`, so that no block outlives its turn.
package struct BlockCompressor: Sendable {
  package let settings: CompressionSettings
  /// Tokens per calibration window.
  package let sequenceLength: Int
  private let configuration: ModelConfiguration
  let budget: MemoryBudget
  private let folder: String?

  /// The model whose rows enter a block.
  package enum Stream: Sendable, CaseIterable {
    /// The compressed model, up to that block.
    case compressed
    /// The uncompressed model.
    case full
  }

  /// Rows that go through a layer at once. Part of the definition of the result: sums are rounded
  /// chunk by chunk.
  private static let chunkRows = 4096

  /// - Parameters:
  ///   - budget: the memory for the rows of all calibration windows between two sets of layers; half of it
  ///     for each of two streams.
  ///   - folder: the place for files of rows beyond the budget; nil keeps all rows in memory that can't be
  ///     computed again.
  /// - Throws: `Failure(.usage)` for settings that a layer of the model can't have.
  package init(
    _ settings: CompressionSettings, for configuration: ModelConfiguration, sequenceLength: Int,
    budget: MemoryBudget = .standard, folder: String? = nil
  ) throws(Failure) {
    try settings.validate(for: configuration)
    guard sequenceLength > 0 else {
      throw Failure(.usage, "a calibration window of \(sequenceLength) tokens holds nothing")
    }
    self.settings = settings
    self.sequenceLength = sequenceLength
    self.configuration = configuration
    self.budget = budget
    self.folder = folder
  }

  /// The memory and files for the rows of this many windows.
  package func space(windows: Int, _ stream: Stream = .compressed) -> ActivationSpace {
    let perChunk = windowsPerChunk
    let rows = stride(from: 0, to: windows, by: perChunk).map {
      min(perChunk, windows - $0) * sequenceLength
    }
    return space(rows: rows, stream)
  }

  private var windowsPerChunk: Int { max(1, Self.chunkRows / sequenceLength) }

  /// The most rows of a chunk for windows of this many tokens.
  package static func mostRows(sequenceLength: Int) -> Int { max(chunkRows, sequenceLength) }

  /// The inputs of block 0: embedded windows, in chunks of whole windows, [windows · length, d] each, in
  /// set 0 of the files.
  package func inputs(
    for windows: [[Int32]], of model: LanguageModel, _ stream: Stream = .compressed
  ) throws(Failure) -> [Tensor] {
    guard windows.allSatisfy({ $0.count == sequenceLength }) else {
      throw Failure(.usage, "calibration windows must all hold \(sequenceLength) tokens")
    }
    let space = space(windows: windows.count, stream)
    var chunks: [Tensor] = []
    for index in space.rows.indices {
      let start = index * windowsPerChunk
      let chunk = windows[start..<min(start + windowsPerChunk, windows.count)]
      let rows = try model.residual(of: Array(chunk))
      guard space.spilledChunks.contains(index) else {
        chunks.append(rows)
        continue
      }
      chunks.append(try space.residual(index, set: 0))
      chunks[index].copy(from: rows)
      chunks[index].release()
    }
    return chunks
  }

  func space(of inputs: [Tensor], _ stream: Stream = .compressed) -> ActivationSpace {
    space(rows: inputs.map(\.rows), stream)
  }

  private func space(rows: [Int], _ stream: Stream) -> ActivationSpace {
    ActivationSpace(
      rows: rows, configuration: configuration,
      budget: settings.needsFullModel ? MemoryBudget(bytes: budget.bytes / 2) : budget,
      folder: folder, prefix: stream == .full ? "full-" : "")
  }
}
