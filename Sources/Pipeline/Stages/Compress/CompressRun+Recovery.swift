import BundleFormat
import Bytes
import Checkpoints
import Compression
import Models
import Numerics

/// Resumption of an interrupted run.
extension CompressRun {
  /// Returns the path of a finished block's bundle.
  func blockPath(_ index: Int) -> String {
    context.partial.scratch("block-\(index).ctpack")
  }

  /// Returns the bundle of block `index`; nil unless it is finished and intact.
  /// - Throws: what kept its files from being read, if they are there.
  private func finished(_ index: Int) throws(Failure) -> ModelBundle? {
    guard try context.partial.json("block-\(index)") != nil else { return nil }
    do throws(Failure) {
      return try ModelBundle(path: blockPath(index), verify: .full)
    } catch {
      // Damaged or gone: the block is compressed again. Anything else isn't about this file.
      guard error.kind == .invalidData || !MappedFile.isPresent(blockPath(index)) else {
        throw error
      }
      return nil
    }
  }

  /// Resumes after the last finished block, by replaying blocks from the last saved rows. The rows
  /// of the compressed and of the uncompressed model are saved separately, so that each stream
  /// catches up on its own.
  mutating func recover() throws {
    var done: [ModelBundle] = []
    while let bundle = try finished(done.count), done.count < stage.configuration.layers {
      done.append(bundle)
    }
    rows = try caughtUp(rows, .compressed, with: done.count) { index in
      defer { done[index].release() }
      return try packed(index, done[index])
    }
    full = try full.map { rows in
      try caughtUp(rows, .full, with: done.count) { try model.block($0) }
    }
    next = done.count
  }

  /// Returns the inputs of block `count` in one stream, computed from the saved rows by the blocks
  /// in between.
  private func caughtUp(
    _ saved: BlockRows, _ stream: BlockCompressor.Stream, with count: Int,
    block: (Int) throws -> Block
  ) throws -> BlockRows {
    var rows = saved
    var next = 0
    if let saved = try rows.load(), saved <= count {
      next = saved
    } else {
      rows.begin(with: try compressor.inputs(for: windows, of: model, stream))
    }
    while next < count {
      context.report(next, of: stage.configuration.layers, "replaying finished blocks")
      rows.advance(
        to: try compressor.outputs(
          of: block(next), inputs: rows.chunks, set: rows.otherSet, stream))
      source.bundle.release()
      next += 1
      if rows.isDueAlways, next < stage.configuration.layers { try rows.save(block: next) }
      try context.checkStop()
    }
    return rows
  }

  /// Returns block `index` with the compressed weights in `bundle`.
  private func packed(_ index: Int, _ bundle: ModelBundle) throws(Failure) -> Block {
    var block = try model.block(index)
    for name in stage.configuration.linears {
      let key = stage.configuration.keys.weight(of: name, block: index)
      guard settings.settings(for: key).compresses else { continue }
      guard let stored = try bundle.tensor(named: key) else {
        throw Failure(.invalidData, file: bundle.path, at: key, "is missing")
      }
      block[name].weight = try Weight(stored)
    }
    return block
  }
}
