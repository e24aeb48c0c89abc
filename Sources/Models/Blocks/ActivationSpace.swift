import Bytes
import Checkpoints
import Numerics

/// Where the rows of a calibration run are kept: in memory as far as a budget goes, beyond it in
/// files that are mapped chunk by chunk. Which of the two never changes a number.
///
/// The residual stream goes first, because every set of layers reads it, then attention's output,
/// then the feed-forward's hidden rows, which are computed again instead of going to files.
package struct ActivationSpace: Sendable {
  /// How many of the chunks, counted from the first, are in memory.
  private let residualInMemory: Int
  private let attendedInMemory: Int
  private let hiddenInMemory: Int
  private let configuration: ModelConfiguration
  /// Rows per chunk.
  package let rows: [Int]
  private let folder: String?
  private let prefix: String

  /// - Parameters:
  ///   - rows: of each chunk.
  ///   - folder: for the files; without one only the hidden rows follow the budget.
  ///   - prefix: of the files' names, where several spaces share a folder.
  package init(
    rows: [Int], configuration: ModelConfiguration, budget: MemoryBudget, folder: String? = nil,
    prefix: String = ""
  ) {
    let c = configuration
    var left = budget.bytes
    /// The number of chunks that fit into what is left, at `width` numbers a row.
    func fitting(_ width: Int) -> Int {
      for (chunk, rows) in rows.enumerated() {
        let bytes = 4 * rows * width
        if bytes > left { return chunk }
        left -= bytes
      }
      return rows.count
    }
    // What enters a block stays until it is done, beside what leaves it.
    residualInMemory = folder == nil ? rows.count : fitting(2 * c.hiddenSize)
    attendedInMemory = folder == nil ? rows.count : fitting(c.heads * c.headDim)
    hiddenInMemory = fitting(c.intermediateSize)
    self.rows = rows
    self.configuration = configuration
    self.folder = folder
    self.prefix = prefix
  }

  /// Chunks of the residual stream that live in files.
  package var spilledChunks: Range<Int> { residualInMemory..<rows.count }

  /// Bytes of all files together.
  package var spilledBytes: Int {
    let residual = rows[residualInMemory...].reduce(0, +) * 8 * configuration.hiddenSize
    let attended = rows[attendedInMemory...].reduce(0, +) * 4 * attendedWidth
    return residual + attended
  }

  /// Bytes of a row of the residual stream.
  package var rowBytes: Int { 4 * configuration.hiddenSize }

  private var attendedWidth: Int { configuration.heads * configuration.headDim }

  /// A chunk [rows, d] of the residual stream, its values those of the file where it has one and
  /// arbitrary otherwise.
  ///
  /// - Parameter set: 0 and 1 take turns, so that what enters a block outlives the work on it.
  package func residual(_ chunk: Int, set: Int) throws(Failure) -> Tensor {
    try tensor(
      chunk, configuration.hiddenSize, file: spilledChunks.contains(chunk) ? "rows-\(set)" : nil)
  }

  /// The file of a chunk of the residual stream, whether it is there or not; nil without a folder.
  package func residualPath(_ chunk: Int, set: Int) -> String? { path("rows-\(set)", chunk) }

  /// A chunk [rows, heads · headDim] of attention's output, its values arbitrary.
  func attended(_ chunk: Int) throws(Failure) -> Tensor {
    try tensor(chunk, attendedWidth, file: isAttendedSpilled(chunk) ? "attended" : nil)
  }

  func isAttendedSpilled(_ chunk: Int) -> Bool { chunk >= attendedInMemory }

  /// Whether a chunk's hidden rows are kept between two uses.
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
