import Checkpoints
import Models

/// The least multiply-adds that a task needs, for its share of the machine's peak.
///
/// Norms, softmax, rotary embeddings, token lookups and searches are left out, so a share is a lower
/// bound. Attention counts the pairs of a causal mask.
struct Work {
  let configuration: ModelConfiguration

  init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  init(_ model: LanguageModel) { configuration = model.configuration }

  /// The shapes (rows, columns) of a block's linear layers.
  private var layers: [(rows: Int, columns: Int)] {
    let width = configuration.hiddenSize
    let queries = configuration.heads * configuration.headDim
    let keys = configuration.kvHeads * configuration.headDim
    let hidden = configuration.intermediateSize
    let gate = configuration.design.feedForward == .gated ? [(hidden, width)] : []
    return [(queries, width), (keys, width), (keys, width), (width, queries)]
      + gate + [(hidden, width), (width, hidden)]
  }

  /// Weights of all blocks' linear layers.
  private var weights: Double {
    Double(configuration.layers) * layers.reduce(0) { $0 + Double($1.rows) * Double($1.columns) }
  }

  /// Multiply-adds of the attention over one sequence of `length` tokens after `past` others.
  private func attention(_ length: Int, past: Int = 0) -> Double {
    let pairs = Double(length) * Double(past) + Double(length) * Double(length + 1) / 2
    return 2 * Double(configuration.layers * configuration.heads * configuration.headDim) * pairs
  }

  /// Multiply-adds of the output head for `count` tokens.
  private func head(_ count: Int) -> Double {
    Double(count) * Double(configuration.vocabularySize) * Double(configuration.embeddingSize)
  }

  /// A forward pass over `sequences` sequences of `length` tokens each, with the logits of `scored`
  /// tokens of each.
  func forward(sequences: Int = 1, length: Int, scored: Int) -> Double {
    Double(sequences) * (Double(length) * weights + attention(length) + head(scored))
  }

  /// An update of a soft prompt of `prompt` tokens: the prompt's keys and values computed once, a forward
  /// pass, and a backward pass of the same size to the inputs.
  func promptUpdate(sequences: Int, length: Int, prompt: Int) -> Double {
    let tokens = Double(sequences * length + prompt)
    let pairs = attention(prompt) + Double(sequences) * attention(length, past: prompt)
    // The backward pass of attention has twice the products of the forward pass.
    return 2 * (tokens * weights + head(sequences * length)) + 3 * pairs
  }

  /// A second-order compression calibrated on `windows` windows of `length` tokens: one forward pass
  /// through the blocks, half of each Hessian (it is symmetric), and the solver's updates.
  func secondOrder(windows: Int, length: Int) -> Double {
    var hessians = 0.0
    var solver = 0.0
    var inputs: Set<Int> = []
    for (rows, columns) in layers {
      let square = Double(columns) * Double(columns)
      solver += Double(rows) * square / 2
      if inputs.insert(columns).inserted { solver += square * Double(columns) / 2 }
    }
    // Inputs of a block's products: of q, k and v; of the output; of the feed-forward; of its second half.
    let width = Double(configuration.hiddenSize)
    let queries = Double(configuration.heads * configuration.headDim)
    let hidden = Double(configuration.intermediateSize)
    for columns in [width, queries, width, hidden] { hessians += columns * columns / 2 }
    let tokens = Double(windows * length)
    return tokens * weights + Double(windows) * attention(length)
      + Double(configuration.layers) * (tokens * hessians + solver)
  }
}
