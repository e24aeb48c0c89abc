import Bytes
import Checkpoints
import Numerics

/// Storage for the rows of a calibration run: memory up to a budget, beyond it files that are
/// mapped chunk by chunk. The placement never changes a result.
///
/// The residual stream gets memory first, because every stage reads it, then attention's output,
/// then the feed-forward's hidden rows, which are recomputed instead of going to files.
package struct ActivationSpace: Sendable {
  /// Number of leading chunks whose residual stream is in memory.
  private let residualInMemory: Int
  /// Number of leading chunks whose attention output is in memory.
  private let attendedInMemory: Int
  /// Number of leading chunks whose hidden rows are kept in memory.
  private let hiddenInMemory: Int
  private let configuration: ModelConfiguration
  /// Rows per chunk.
  package let rows: [Int]
  private let folder: String?
  private let prefix: String

  /// - Parameters:
  ///   - rows: rows per chunk.
  ///   - budget: memory for all chunks, in bytes.
  ///   - folder: the files' folder; if nil, only the hidden rows follow the budget.
  ///   - prefix: a prefix of the files' names, for spaces that share a folder.
  package init(
    rows: [Int], configuration: ModelConfiguration, budget: MemoryBudget, folder: String? = nil,
    prefix: String = ""
  ) {
    let c = configuration
    var left = budget.bytes
    /// Takes the first chunks that fit, at `width` numbers a row, from the remaining budget;
    /// returns their number.
    func fitting(_ width: Int) -> Int {
      for (chunk, rows) in rows.enumerated() {
        let bytes = 4 * rows * width
        if bytes > left { return chunk }
        left -= bytes
      }
      return rows.count
    }
    // A block's input is kept beside its output until the block is done.
    residualInMemory = folder == nil ? rows.count : fitting(2 * c.hiddenSize)
    attendedInMemory = folder == nil ? rows.count : fitting(c.heads * c.headDim)
    hiddenInMemory = fitting(c.intermediateSize)
    self.rows = rows
    self.configuration = configuration
    self.folder = folder
    self.prefix = prefix
  }

  /// Chunks whose residual stream is in files.
  package var spilledChunks: Range<Int> { residualInMemory..<rows.count }

  /// Size of all files together, in bytes.
  package var spilledBytes: Int {
    let residual = rows[residualInMemory...].reduce(0, +) * 8 * configuration.hiddenSize
    let attended = rows[attendedInMemory...].reduce(0, +) * 4 * attendedWidth
    return residual + attended
  }

  /// Size of one row of the residual stream, in bytes.
  package var rowBytes: Int { 4 * configuration.hiddenSize }

  private var attendedWidth: Int { configuration.heads * configuration.headDim }

  /// A chunk [rows, d] of the residual stream: the file's content if the chunk is in a file,
  /// uninitialized otherwise.
  ///
  /// - Parameter set: 0 or 1, in turns, so that a block's input outlives the work on the block.
  package func residual(_ chunk: Int, set: Int) throws(Failure) -> Tensor {
    try tensor(
      chunk, configuration.hiddenSize, file: spilledChunks.contains(chunk) ? "rows-\(set)" : nil)
  }

  /// Path of the file for a chunk of the residual stream, which needn't exist; nil without a
  /// folder.
  package func residualPath(_ chunk: Int, set: Int) -> String? { path("rows-\(set)", chunk) }

  /// An uninitialized chunk [rows, heads·headDim] for attention's output.
  func attended(_ chunk: Int) throws(Failure) -> Tensor {
    try tensor(chunk, attendedWidth, file: isAttendedSpilled(chunk) ? "attended" : nil)
  }

  /// Whether a chunk's attention output is in a file.
  func isAttendedSpilled(_ chunk: Int) -> Bool { chunk >= attendedInMemory }

  /// Whether a chunk's hidden rows are kept between two uses, not recomputed.
  func keepsHidden(_ chunk: Int) -> Bool { chunk < hiddenInMemory }

  private func path(_ kind: String, _ chunk: Int) -> String? {
    folder.map { "\($0)/\(prefix)\(kind)-\(chunk).f32" }
  }

  private func tensor(_ chunk: Int, _ width: Int, file kind: String?) throws(Failure) -> Tensor {
    let shape = [rows[chunk], width]
    guard let kind, let path = path(kind, chunk) else { return Tensor(uninitialized: shape) }
    return Tensor(try ScratchFile(path: path, byteCount: 4 * rows[chunk] * width), shape: shape)
  }
}
