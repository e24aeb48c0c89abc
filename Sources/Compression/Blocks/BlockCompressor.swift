import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics

/// A compressor of models, one block at a time. Each block is calibrated on inputs that include the
/// errors of all earlier blocks.
///
///     let compressor = try BlockCompressor(
///       settings, for: model.configuration, sequenceLength: 512)
///     var inputs = try compressor.inputs(for: windows, of: model)
///     for index in 0..<layers {
///       let (block, outputs, _) = try compressor.compressBlock(index, of: model, inputs: inputs)
///       inputs = outputs
///     }
///
/// If the settings correct for drift (`needsFullModel`), the rows of the uncompressed model also go
/// through the blocks, as `full`.
///
/// Results depend only on the settings, the block's weights and its inputs. Load the model with
/// `residency: .streamed`, so that each block is released after its turn.
package struct BlockCompressor: Sendable {
  package let settings: CompressionSettings
  /// Tokens per calibration window.
  package let sequenceLength: Int
  private let configuration: ModelConfiguration
  let budget: MemoryBudget
  private let folder: String?

  /// The model that a block's inputs come from.
  package enum Stream: Sendable, CaseIterable {
    /// The compressed model, up to the block.
    case compressed
    /// The uncompressed model.
    case full
  }

  /// Rows per chunk. Results depend on it, because sums are rounded chunk by chunk.
  private static let chunkRows = 4096

  /// - Parameters:
  ///   - budget: the memory for the rows of all calibration windows between two sets of layers;
  ///     each of two streams gets half.
  ///   - folder: the folder for files of rows beyond the budget; nil keeps in memory all rows that
  ///     can't be recomputed.
  /// - Throws: `Failure(.usage)` for settings that a layer of the model can't have.
  package init(
    _ settings: CompressionSettings, for configuration: ModelConfiguration, sequenceLength: Int,
    budget: MemoryBudget = .standard, folder: String? = nil
  ) throws(Failure) {
    try settings.validate(for: configuration)
    guard sequenceLength > 0 else {
      throw Failure(.usage, "a calibration window needs at least 1 token, not \(sequenceLength)")
    }
    self.settings = settings
    self.sequenceLength = sequenceLength
    self.configuration = configuration
    self.budget = budget
    self.folder = folder
  }

  /// The memory and files for the rows of `windows` calibration windows.
  package func space(windows: Int, _ stream: Stream = .compressed) -> ActivationSpace {
    let perChunk = windowsPerChunk
    let rows = stride(from: 0, to: windows, by: perChunk).map {
      min(perChunk, windows - $0) * sequenceLength
    }
    return space(rows: rows, stream)
  }

  private var windowsPerChunk: Int { max(1, Self.chunkRows / sequenceLength) }

  /// The maximum number of rows per chunk for windows of `sequenceLength` tokens.
  package static func mostRows(sequenceLength: Int) -> Int { max(chunkRows, sequenceLength) }

  /// The inputs of block 0: embedded windows, in chunks of whole windows, [windows · length, d]
  /// each, in set 0 of the files.
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
