import Bundle
import Bytes
import Checkpoints
import Numerics
import Synchronization

/// A frozen causal language model of the LLaMA family, with dense or packed weights.
///
/// Dense weights in float32, float16 or bfloat16 and packed weights are views of their mapped file;
/// only types with no kernel of their own (GGUF blocks) are decoded into memory.
public final class LanguageModel: Sendable {
  /// What becomes of a block after it has been loaded.
  public enum Residency: Sendable {
    /// It stays: every block is read once.
    case kept
    /// It goes when its user drops it: never more than the blocks in use are in memory.
    case streamed
  }

  public let configuration: ModelConfiguration
  /// Of the products with the weights; what was asked for, as far as this processor has it.
  public let arithmetic: Arithmetic
  /// Token embeddings [V, d].
  public let embedding: Weight
  /// Output head [V, d]; the embedding itself where the two are tied.
  public let head: Weight
  /// Gain [d] of `model.norm`.
  public let finalNorm: Tensor
  private let load: @Sendable (Int) throws(Failure) -> Block
  private let residency: Residency
  private let resident: Mutex<[Block?]>

  /// - Throws: `invalidData` where a tensor is missing or has another shape than the configuration
  ///   says.
  public convenience init(
    source: any TensorSource, residency: Residency = .kept, arithmetic: Arithmetic = .float32
  ) throws(Failure) {
    try self.init(
      store: CheckpointWeights(source: source), residency: residency, arithmetic: arithmetic)
  }

  init(
    store: any WeightStore, residency: Residency, arithmetic: Arithmetic
  ) throws(Failure) {
    let arithmetic = arithmetic.available
    configuration = store.configuration
    self.arithmetic = arithmetic
    embedding = try store.embedding()
    head = try store.head(tiedTo: embedding)
    finalNorm = try store.vector("model.norm.weight", count: store.configuration.hiddenSize)
    load = { (index) throws(Failure) in
      var block = try store.block(index)
      block.arithmetic = arithmetic
      return block
    }
    self.residency = residency
    resident = Mutex(Array(repeating: nil, count: store.configuration.layers))
  }

  /// A model from parts in memory, such as one whose blocks were just compressed.
  public init(
    configuration: ModelConfiguration, embedding: Weight, head: Weight, finalNorm: Tensor,
    blocks: [Block]
  ) {
    precondition(blocks.count == configuration.layers, "a block per layer")
    self.configuration = configuration
    arithmetic = blocks.first?.arithmetic ?? .float32
    self.embedding = embedding
    self.head = head
    self.finalNorm = finalNorm
    load = { (index) throws(Failure) in blocks[index] }
    residency = .streamed
    resident = Mutex([])
  }

  /// Block `index` (0 ..< layers), loaded now unless it is resident.
  public func block(_ index: Int) throws(Failure) -> Block {
    precondition(index >= 0 && index < configuration.layers, "block \(index)")
    guard residency == .kept else { return try load(index) }
    return try resident.withLock { blocks throws(Failure) in
      if let block = blocks[index] { return block }
      let block = try load(index)
      blocks[index] = block
      return block
    }
  }

  /// Embeddings of `ids` [count, d].
  /// - Throws: `usage` where an id lies outside the vocabulary.
  public func embed(_ ids: [Int32]) throws(Failure) -> Tensor {
    try check(ids)
    let rows = Tensor([ids.count, configuration.hiddenSize])
    embedding.gather(ids, into: rows)
    return rows
  }

  func check(_ ids: [Int32]) throws(Failure) {
    let size = configuration.vocabularySize
    guard let wrong = ids.first(where: { $0 < 0 || Int($0) >= size }) else { return }
    throw Failure(
      .usage, "token id \(wrong) is outside the model's vocabulary of \(size)",
      advice: "use the tokenizer that belongs to this model")
  }

  func check(prompt: Tensor) throws(Failure) {
    guard prompt.columns == configuration.hiddenSize else {
      throw Failure(
        .usage,
        "the prompt's vectors are \(prompt.columns) wide, the model's \(configuration.hiddenSize)",
        advice: "a prompt fits only models of its own width")
    }
  }
}
