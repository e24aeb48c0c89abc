import Bytes
import Checkpoints
import Models
import Numerics
import Synchronization

/// Keys and values of several soft prompts or learned prefixes for one model, from which each text
/// gets one.
///
/// Each prompt's keys and values are computed alone, at positions 0 ..< n: prompts never attend to
/// each other, and a text directly follows its own. They are computed on first use, because a
/// prompt that no text gets needn't go through the model.
package final class PromptPrefixes: Sendable {
  /// Keys (after rotary embedding if the model has one) and values of a prompt in every block,
  /// [n, kvHeads·headDim] each.
  typealias Rows = [(k: Tensor, v: Tensor)]

  /// Rows of each prompt, n.
  package let lengths: [Int]
  private let prompts: [PromptStart]
  let model: LanguageModel
  private let computed: Mutex<[Rows?]>

  /// Number of prompts, m.
  package var count: Int { prompts.count }
  /// Rows of the longest prompt.
  package var longest: Int { lengths.max() ?? 0 }

  /// - Parameter prompts: vectors, which will go through the model, or keys and values that are
  ///   known already; at least one prompt, none of them empty.
  /// - Throws: `usage` if there is none, or one is empty or not for the model.
  package init(_ prompts: [PromptStart], in model: LanguageModel) throws(Failure) {
    lengths = prompts.map(\.count)
    guard !prompts.isEmpty, !lengths.contains(0) else {
      throw Failure(
        .usage, "there is no prompt to choose from, or one without tokens",
        advice: "give at least one prompt, each of one token or more")
    }
    self.prompts = prompts
    self.model = model
    computed = Mutex([Rows?](repeating: nil, count: prompts.count))
    for (index, prompt) in prompts.enumerated() {
      if case .vectors(let vectors) = prompt {
        try model.check(prompt: vectors)
      } else {
        _ = try rows(of: index)
      }
    }
  }

  /// Keys and values of the prompt of index `prompt`, computed on first use.
  func rows(of prompt: Int) throws(Failure) -> Rows {
    try computed.withLock { computed throws(Failure) in
      if let rows = computed[prompt] { return rows }
      let cache = try prompts[prompt].cache(for: model)
      let rows = (0..<model.configuration.layers).map { cache.rows(lengths[prompt], layer: $0) }
      computed[prompt] = rows
      return rows
    }
  }

  /// Keys and values of several prompts, in order.
  func rows(of prompts: Range<Int>) throws(Failure) -> [Rows] {
    var all: [Rows] = []
    for prompt in prompts { all.append(try rows(of: prompt)) }
    return all
  }

  /// Makes the keys and values of the prompt of index `prompt` the prefix of `cache`.
  func enter(_ prompt: Int, into cache: KeyValueCache) throws(Failure) {
    let rows = try rows(of: prompt)
    cache.reserve(lengths[prompt])
    for (layer, own) in rows.enumerated() {
      let (k, v) = cache.rows(lengths[prompt], layer: layer)
      k.copy(from: own.k)
      v.copy(from: own.v)
    }
    cache.keep(lengths[prompt])
  }
}
