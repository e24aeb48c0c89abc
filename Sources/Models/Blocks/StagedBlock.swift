import Bytes
import Checkpoints
import Numerics

/// One block run stage by stage over many chunks of rows, for calibration with error propagation.
///
///     var run = try StagedBlock(block, chunks: residuals, length: 512)
///     for stage in BlockStage.allCases {
///       for chunk in run.chunks { gram.add(run.inputs(of: stage, chunk: chunk)) }
///       run.commit(stage, weights: compress(stage, gram))     // used for the rest of the block
///     }
///     // `residuals` now hold the next block's input.
///
/// Stages run in order, each committed once. Between stages only the next stage's inputs are kept:
/// the residual stream (updated in place) and one intermediate, in memory or in files as the
/// `ActivationSpace` decides.
package struct StagedBlock {
  /// The block with the weights committed so far.
  package private(set) var block: Block
  private let residual: [Tensor]
  private let plans: [RowPlan]
  private let space: ActivationSpace
  private let scratch: Scratch
  private var next: BlockStage? = .queryKeyValue
  /// Attention's output per chunk, between the first commit and the second.
  private var attended: [Tensor] = []
  /// Files for `attended`, by chunk: created before the work begins, because only then can a full
  /// disk be reported.
  private var attendedFiles: [Int: Tensor] = [:]
  /// The activation's output per chunk, between the last two commits; nil for chunks that recompute
  /// it.
  private var hidden: [Tensor?] = []

  /// - Parameters:
  ///   - chunks: the residual stream [Bᵢ·length, d] per chunk, Bᵢ whole sequences each; overwritten
  ///     by the commits.
  ///   - length: tokens per sequence, positions 0 ..< length.
  ///   - budget: memory for the feed-forward's hidden rows [rows, intermediate]; chunks beyond it
  ///     recompute theirs.
  package init(
    _ block: Block, chunks: [Tensor], length: Int, budget: MemoryBudget = .standard
  ) throws(Failure) {
    try self.init(
      block, chunks: chunks, length: length,
      space: ActivationSpace(
        rows: chunks.map(\.rows), configuration: block.configuration, budget: budget))
  }

  /// - Parameter space: storage for everything but the residual stream, made for the same row
  ///   counts as `chunks`.
  /// - Throws: `io` if the disk has no room for the files.
  package init(
    _ block: Block, chunks: [Tensor], length: Int, space: ActivationSpace
  ) throws(Failure) {
    let c = block.configuration
    precondition(space.rows == chunks.map(\.rows), "the space is for other chunks")
    self.block = block
    self.space = space
    residual = chunks
    let rotary = c.rotaryTable(positions: length)
    var plans: [RowPlan] = []
    for chunk in chunks {
      precondition(chunk.rows % length == 0, "a chunk holds whole sequences")
      precondition(chunk.columns == c.hiddenSize, "a chunk's rows are as wide as the model")
      plans.append(
        try RowPlan(c, sequences: chunk.rows / length, length: length, rotary: rotary))
    }
    self.plans = plans
    scratch = Scratch(c, rows: chunks.map(\.rows).max() ?? 0)
    for chunk in chunks.indices where space.isAttendedSpilled(chunk) {
      attendedFiles[chunk] = try space.attended(chunk)
    }
  }

  /// Indices of the chunks.
  package var chunks: Range<Int> { residual.indices }

  /// Input rows [rows, in] of the linear layers of `stage`, for one chunk: the normalised residual
  /// stream, attention's output, or the activated hidden rows. Valid until the next call.
  package func inputs(of stage: BlockStage, chunk: Int) -> Tensor {
    precondition(stage == next, "stages are run in order")
    switch stage {
    case .queryKeyValue: return normalised(chunk, block.norms.beforeAttention)
    case .output: return attended[chunk]
    case .gateUp: return normalised(chunk, block.norms.beforeFeedForward)
    case .down:
      return hidden[chunk]
        ?? activated(
          chunk,
          into: scratch.view(
            residual[chunk].rows, block.configuration.intermediateSize, .hidden))
    }
  }

  /// The residual stream [rows, d] of a chunk, to which the output of `commit`'s layers is added.
  package func stream(chunk: Int) -> Tensor { residual[chunk] }

  /// Releases the memory of a chunk's rows that are in files, once the result of `inputs` has been
  /// used.
  package func release(_ chunk: Int) {
    residual[chunk].release()
    attendedFiles[chunk]?.release()
  }

  /// Frees the scratch buffers until they are needed again; invalidates earlier results of
  /// `inputs`.
  package func releaseScratch() { scratch.release() }

  /// Replaces the stage's weights with `weights` (layers left out keep theirs) and runs its layers
  /// over all chunks.
  package mutating func commit(_ stage: BlockStage, weights: [LinearName: Weight] = [:]) {
    precondition(stage == next, "stages are run in order")
    for (name, weight) in weights {
      precondition(name.stage == stage, "\(name.rawValue) belongs to another stage")
      let shape = block.configuration.shape(of: name)
      precondition(weight.rows == shape.rows && weight.columns == shape.columns, "same shape")
      block[name].weight = weight
    }
    switch stage {
    case .queryKeyValue: attended = chunks.map(attention)
    case .output:
      for chunk in chunks {
        add(block.o, attended[chunk], to: chunk, block.norms.afterAttention)
        release(chunk)
      }
      attended = []
      attendedFiles = [:]
    case .gateUp: hidden = keepHidden()
    case .down:
      for chunk in chunks {
        add(
          block.feedForward.down, inputs(of: .down, chunk: chunk), to: chunk,
          block.norms.afterFeedForward)
        hidden[chunk] = nil
        release(chunk)
      }
      hidden = []
    }
    scratch.release()
    next = BlockStage(rawValue: stage.rawValue + 1)
  }

  /// Computes residual = norm(residual + layer(rows)) for one chunk; no norm if nil.
  private func add(_ layer: Linear, _ rows: Tensor, to chunk: Int, _ norm: Norm?) {
    layer.apply(rows, into: residual[chunk], accumulate: true, arithmetic: block.arithmetic)
    norm?.forward(residual[chunk], into: residual[chunk])
  }

  private func normalised(_ chunk: Int, _ norm: Norm?) -> Tensor {
    guard let norm else { return residual[chunk] }
    let out = scratch.view(residual[chunk].rows, block.configuration.hiddenSize, .norm)
    norm.forward(residual[chunk], into: out)
    return out
  }

  private func attention(_ chunk: Int) -> Tensor {
    let (rows, c) = (residual[chunk].rows, block.configuration)
    let out = attendedFiles[chunk] ?? Tensor([rows, c.heads * c.headDim])
    block.attend(
      normalised(chunk, block.norms.beforeAttention),
      q: scratch.view(rows, c.heads * c.headDim, .q),
      k: scratch.view(rows, c.kvHeads * c.headDim, .k),
      v: scratch.view(rows, c.kvHeads * c.headDim, .v), plan: plans[chunk], into: out, nil)
    release(chunk)
    return out
  }

  private func keepHidden() -> [Tensor?] {
    chunks.map { chunk in
      guard space.keepsHidden(chunk) else { return nil }
      defer { release(chunk) }
      return activated(
        chunk, into: Tensor([residual[chunk].rows, block.configuration.intermediateSize]))
    }
  }

  private func activated(_ chunk: Int, into out: Tensor) -> Tensor {
    let input = ProductInput(normalised(chunk, block.norms.beforeFeedForward), block.arithmetic)
    let wide = scratch.wide(out.rows)
    block.feedForward.widen(input, into: wide)
    block.feedForward.activate(wide, into: out)
    return out
  }

  /// Buffers for the largest chunk, allocated on first use; smaller chunks use their first rows.
  private final class Scratch {
    enum Role { case norm, q, k, v, hidden }

    private let configuration: ModelConfiguration
    private let rows: Int
    private var buffers: [Role: Tensor] = [:]
    private var wide: WideRows?

    init(_ configuration: ModelConfiguration, rows: Int) {
      self.configuration = configuration
      self.rows = rows
    }

    /// An uninitialized buffer [rows, columns]; all uses of a role have the same columns.
    func view(_ rows: Int, _ columns: Int, _ role: Role) -> Tensor {
      let buffer = buffers[role] ?? Tensor(uninitialized: [self.rows, columns])
      buffers[role] = buffer
      return buffer.rows(0..<rows)
    }

    func wide(_ rows: Int) -> WideRows {
      let all = wide ?? WideRows(configuration, rows: self.rows)
      wide = all
      return all.rows(0..<rows)
    }

    func release() {
      buffers = [:]
      wide = nil
    }
  }
}
