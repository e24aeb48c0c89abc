import BundleFormat
import Bytes
import Checkpoints
import Numerics
import Synchronization

/// A frozen causal language model with dense or packed weights.
///
/// Dense weights in float32, float16 or bfloat16 and packed weights are views of their mapped file;
/// only types without a kernel of their own (GGUF blocks) are decoded into memory.
package final class LanguageModel: Sendable {
  /// Lifetime of a loaded block in memory.
  package enum Residency: Sendable {
    /// Blocks stay in memory: each is read once.
    case kept
    /// A block is freed when its user drops it: only the blocks in use are in memory.
    case streamed
  }

  package let configuration: ModelConfiguration
  /// Requested arithmetic for products with the weights; each kernel uses as much of it as the
  /// processor supports.
  package let arithmetic: Arithmetic
  package let input: InputLayer
  package let output: OutputLayer
  /// The tensors that the layers come from; nil for layers in memory.
  let source: (any TensorSource)?
  private let load: @Sendable (Int) throws(Failure) -> Block
  private let residency: Residency
  private let resident: Mutex<[Block?]>

  /// Loads a model's input and output layers from its tensors; blocks are loaded when they are
  /// used.
  /// - Throws: `invalidData` if a tensor is missing or doesn't have the configuration's shape.
  package init(
    source: any TensorSource, residency: Residency = .kept, arithmetic: Arithmetic = .float32
  ) throws(Failure) {
    configuration = source.configuration
    self.source = source
    self.arithmetic = arithmetic
    input = try source.input()
    output = try source.output(tiedTo: input.embedding)
    load = { (index) throws(Failure) in
      var block = try source.block(index)
      block.arithmetic = arithmetic
      return block
    }
    self.residency = residency
    resident = Mutex(Array(repeating: nil, count: source.configuration.layers))
  }

  /// Loads the model of a bundle. Its codes are used in place in the mapped file, or decoded into
  /// memory if the section is stored coded.
  /// - Throws: `invalidData` if the bundle has no configuration, or a tensor is missing or has the
  ///   wrong shape.
  package convenience init(
    bundle: ModelBundle, residency: Residency = .kept, arithmetic: Arithmetic = .float32
  ) throws(Failure) {
    try self.init(
      source: BundleCheckpoint(bundle, decodesAhead: residency == .kept), residency: residency,
      arithmetic: arithmetic)
  }

  /// Assembles a model from layers in memory, such as blocks that were just compressed.
  package init(
    configuration: ModelConfiguration, input: InputLayer, output: OutputLayer, blocks: [Block]
  ) {
    precondition(blocks.count == configuration.layers, "a block per layer")
    self.configuration = configuration
    source = nil
    arithmetic = blocks.first?.arithmetic ?? .float32
    self.input = input
    self.output = output
    load = { (index) throws(Failure) in blocks[index] }
    residency = .streamed
    resident = Mutex([])
  }

  /// Makes a model that shares the weights of `other`, with `change` applied to each block.
  init(sharing other: LanguageModel, _ change: @escaping @Sendable (inout Block) -> Void) {
    configuration = other.configuration
    source = other.source
    arithmetic = other.arithmetic
    input = other.input
    output = other.output
    load = { (index) throws(Failure) in
      var block = try other.block(index)
      change(&block)
      return block
    }
    residency = .streamed
    resident = Mutex([])
  }

  /// Token embeddings [V, e].
  package var embedding: Weight { input.embedding }
  /// Output head [V, e]; the embedding itself if the two are tied.
  package var head: Weight { output.head }

  /// Block `index` (0 ..< layers), loaded now unless it is in memory.
  package func block(_ index: Int) throws(Failure) -> Block {
    precondition(index >= 0 && index < configuration.layers, "block \(index)")
    guard residency == .kept else { return try load(index) }
    return try resident.withLock { blocks throws(Failure) in
      if let block = blocks[index] { return block }
      let block = try load(index)
      blocks[index] = block
      return block
    }
  }

  /// The residual stream before block 0 [all tokens, d] of texts that each begin at position 0.
  /// - Throws: `usage` if an id is outside the vocabulary, or a text is too long.
  package func residual(of texts: [[Int32]]) throws(Failure) -> Tensor {
    let ids = texts.flatMap(\.self)
    try check(ids)
    try configuration.checkPositions(texts.map(\.count).max() ?? 0)
    let x = Tensor([ids.count, configuration.hiddenSize])
    let positions = texts.flatMap { $0.indices.map(Int32.init) }
    input.enter(ids, at: positions, into: x, arithmetic: arithmetic)
    return x
  }

  /// Embeddings of `ids` [count, e], which can also serve as a soft prompt's vectors.
  /// - Throws: `usage` if an id is outside the vocabulary.
  package func embed(_ ids: [Int32]) throws(Failure) -> Tensor {
    try check(ids)
    let rows = Tensor([ids.count, configuration.embeddingSize])
    embedding.gather(ids, into: rows)
    return rows
  }

  /// Checks that all ids are in the vocabulary.
  /// - Throws: `usage` with the first id that isn't.
  package func check(_ ids: [Int32]) throws(Failure) {
    let size = configuration.vocabularySize
    guard let wrong = ids.first(where: { $0 < 0 || Int($0) >= size }) else { return }
    throw Failure(
      .usage, "token id \(wrong) is outside the model's vocabulary of \(size)",
      advice: "use the tokenizer that belongs to this model")
  }

  /// Checks that a soft prompt [n, e] has the model's width.
  /// - Throws: `usage` if it doesn't.
  package func check(prompt: Tensor) throws(Failure) {
    guard prompt.columns == configuration.embeddingSize else {
      throw Failure(
        .usage,
        "the prompt's vectors are \(prompt.columns) wide, the model's embeddings"
          + " \(configuration.embeddingSize)",
        advice: "use a prompt that was learned for this model")
    }
  }
}
