import Bytes
import Checkpoints
import Models
import Numerics

/// The loss of the whole model by the compression of one block: the divergence of its distributions from
/// those of the uncompressed model on a little text, in nats per token.
///
/// The share of a layer's output that becomes error says little across blocks: where a few huge
/// activations make up the output's energy, as in a model's first and last blocks, small shares do
/// great harm.
package struct LossProbe {
  private let model: LanguageModel
  private let length: Int
  /// [tokens, d] the inputs of block `next`.
  private var rows: Tensor
  private var next = 0
  private let teacher: Tensor

  /// - Parameter windows: equally long; two thousand tokens are enough.
  package init(_ model: LanguageModel, windows: [[Int32]]) throws(Failure) {
    self.model = model
    length = windows.first?.count ?? 0
    rows = try model.embed(windows.flatMap(\.self))
    teacher = try Self.hidden(model, from: 0, rows.copy(), length)
  }

  /// The memory of a probe besides a block's own buffers, in bytes, estimated from above.
  package static func bytes(for configuration: ModelConfiguration, tokens: Int) -> Int {
    // The rows, the teacher's, and two changed copies.
    4 * 4 * tokens * configuration.hiddenSize
  }

  /// The divergence, in nats per token, of the model with `block` in place of its own block `next`.
  package func divergence(replacing block: Block) throws(Failure) -> Double {
    precondition(block.index == next, "blocks are probed in order")
    let changed = rows.copy()
    try Self.run(block, changed, length)
    let hidden = try Self.hidden(model, from: next + 1, changed, length)
    let nats = Divergence.run(
      student: hidden, head: model.output.head, teacher: teacher, teacherHead: model.output.head)
    return nats.reduce(0) { $0 + Double($1) } / Double(nats.count)
  }

  /// Moves on to the next block.
  package mutating func advance() throws(Failure) {
    try Self.run(model.block(next), rows, length)
    next += 1
  }

  private static func hidden(
    _ model: LanguageModel, from first: Int, _ rows: Tensor, _ length: Int
  ) throws(Failure) -> Tensor {
    for index in first..<max(first, model.configuration.layers) {
      try run(model.block(index), rows, length)
    }
    return model.hidden(afterBlocks: rows)
  }

  private static func run(_ block: Block, _ rows: Tensor, _ length: Int) throws(Failure) {
    var staged = try StagedBlock(block, chunks: [rows], length: length)
    for stage in BlockStage.allCases { staged.commit(stage) }
  }
}
