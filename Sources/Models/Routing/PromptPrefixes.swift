import Bytes
import Checkpoints
import Numerics

/// Several soft prompts (or learned prefixes) of one length beside one model, of which each input keeps one.
///
/// Each prompt's keys and values are computed alone, at positions 0 ..< n: prompts never see each
/// other, and where an input stands doesn't depend on which of them it keeps.
public struct PromptPrefixes: Sendable {
  /// Rows of each prompt, n.
  public let tokens: Int
  /// Keys (rotated where the model does that) and values of each prompt in every block,
  /// [n, kvHeads·headDim].
  let blocks: [[(k: Tensor, v: Tensor)]]
  /// The first block's keys of all prompts, one after the other, [m·n, kvHeads·headDim].
  private let firstKeys: Tensor

  /// The number of prompts, m.
  public var count: Int { blocks.count }

  /// - Parameter prompts: vectors, which are run through the model here, or keys and values that
  ///   are known already.
  /// - Throws: `usage` where there is none, one is empty, or their lengths differ.
  public init(_ prompts: [PromptStart], in model: LanguageModel) throws(Failure) {
    let c = model.configuration
    guard let first = prompts.first, first.count > 0 else {
      throw Failure(.usage, "there is no prompt to choose from")
    }
    guard prompts.allSatisfy({ $0.count == first.count }) else {
      let lengths = prompts.map { String($0.count) }.joined(separator: ", ")
      throw Failure(
        .usage, "the prompts have different lengths: \(lengths) tokens",
        advice: "a choice is possible only among prompts of one length")
    }
    let tokens = first.count
    var blocks: [[(k: Tensor, v: Tensor)]] = []
    for prompt in prompts {
      let cache =
        switch prompt {
        case .vectors(let vectors): try KeyValueCache(of: vectors, in: model)
        case .keyValues(let known): try known.cache(for: model, room: 0)
        case .prefix(let prefix): try prefix.cache(for: model.configuration, room: 0)
        case .none, .routed: throw Failure(.internalError, "only a prompt can be chosen")
        }
      blocks.append((0..<c.layers).map { cache.rows(tokens, layer: $0) })
    }
    firstKeys = Tensor([prompts.count * tokens, c.kvHeads * c.headDim])
    for (index, block) in blocks.enumerated() {
      firstKeys.rows(index * tokens..<(index + 1) * tokens).copy(from: block[0].k)
    }
    self.tokens = tokens
    self.blocks = blocks
  }

  /// Chooses by the first block's attention (inference-time dynamic prompting, arXiv 2310.00867).
  ///
  /// - Parameters:
  ///   - q: the first block's queries of the input [T, heads·headDim].
  ///   - keys: its keys [T, kvHeads·headDim].
  ///   - deciding: how many tokens decide, counted from the first; nil for all.
  func choose(
    q: Tensor, keys: Tensor, deciding: Int?, _ c: ModelConfiguration
  ) -> PromptChoice {
    let rows = 0..<min(q.rows, deciding ?? q.rows)
    let shares = Attention.prefixShares(
      q: q.rows(rows), keys: keys.rows(rows), prefixKeys: firstKeys, prefixes: count,
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim)
    return PromptChoice(scores: shares.map { $0 / Double(tokens) })
  }

  /// Puts a prompt's keys and values where `cache` has room for them: its first n rows.
  func enter(_ prompt: Int, into cache: KeyValueCache) {
    for (layer, block) in blocks[prompt].enumerated() {
      let (k, v) = cache.rows(tokens, layer: layer)
      k.copy(from: block.k)
      v.copy(from: block.v)
    }
  }
}
