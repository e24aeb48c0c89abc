import Bytes
import Checkpoints
import Models
import Numerics

/// The damage to the whole model from compressing one block: the divergence of its distributions
/// from the uncompressed model's on a short text, in nats per token.
///
/// Relative output errors aren't comparable across blocks: if a few huge activations dominate the
/// output's energy, as in a model's first and last blocks, a small relative error does great harm.
package struct LossProbe {
  private let model: LanguageModel
  private let length: Int
  /// The inputs of block `next`, [tokens, d].
  private var rows: Tensor
  private var next = 0
  private let teacher: Tensor

  /// - Parameter windows: of equal length; 2,000 tokens in all are enough.
  package init(_ model: LanguageModel, windows: [[Int32]]) throws(Failure) {
    self.model = model
    length = windows.first?.count ?? 0
    rows = try model.embed(windows.flatMap(\.self))
    teacher = try Self.hidden(model, from: 0, rows.copy(), length)
    guard let bad = teacher.firstNonFinite else { return }
    throw model.notFinite(at: "output layer", "the input of the head is \(teacher[bad])")
  }

  /// An upper estimate of a probe's memory in bytes, without a block's own buffers.
  package static func bytes(for configuration: ModelConfiguration, tokens: Int) -> Int {
    // The rows, the teacher's, and two changed copies.
    4 * 4 * tokens * configuration.hiddenSize
  }

  /// The divergence, in nats per token, of the model with `block` in place of its own block `next`.
  /// - Throws: `invalidData` if it isn't finite.
  package func divergence(replacing block: Block) throws(Failure) -> Double {
    precondition(block.index == next, "blocks are probed in order")
    let changed = rows.copy()
    try Self.run(block, changed, length)
    let hidden = try Self.hidden(model, from: next + 1, changed, length)
    let nats = Divergence.run(
      student: hidden, head: model.output.head, teacher: teacher, teacherHead: model.output.head)
    let mean = nats.reduce(0) { $0 + Double($1) } / Double(nats.count)
    guard mean.isFinite else {
      throw model.notFinite(
        at: "layer \(block.index)", "the model's divergence with this layer compressed is \(mean)")
    }
    return mean
  }

  /// Runs block `next` of the uncompressed model and moves on to the block after it.
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
