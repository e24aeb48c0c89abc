import Bytes

/// A protocol for measuring perplexity: how a text is cut into windows and which of its tokens are
/// scored. Two perplexities are comparable only if their protocols have the same id, so the id is
/// stored with every number.
///
/// | id | windows | scored |
/// |---|---|---|
/// | `ctp-N` (`ctp-1024`) | N tokens, one after the other, tail dropped, no BOS | N − 1 per window |
/// | `gptq-N` (`gptq-2048`) | the same cut; the id says that the text is a GPTQ variant | N − 1 per window |
/// | `llamacpp-N` (`llamacpp-512`) | the same cut, each window's first token replaced by BOS if the vocabulary has one | the last half: targets N/2 + 1 ..< N |
///
/// The `llamacpp` rule is that of llama.cpp's `perplexity` tool: of the logits at positions N/2 ..<
/// N − 1, each is scored against the token after it.
package struct PerplexityProtocol: Hashable, Sendable {
  /// The rule for cutting and scoring.
  package enum Family: String, CaseIterable, Sendable {
    case ctp, gptq, llamacpp
  }

  package let family: Family
  /// Tokens per window.
  package let length: Int

  /// - Throws: `usage` if `length` is out of range.
  package init(_ family: Family, length: Int) throws(Failure) {
    guard length >= 4, length <= 1 << 20 else {
      throw Failure(
        .usage, "a window of \(length) tokens can't be scored", advice: "use 4 to 1048576")
    }
    self.family = family
    self.length = length
  }

  /// Parses an id such as "ctp-1024".
  /// - Throws: `usage` if there is no such protocol.
  package init(id: String) throws(Failure) {
    let parts = id.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let family = Family(rawValue: String(parts[0])),
      let length = Int(parts[1]), String(length) == parts[1]
    else {
      throw Failure(
        .usage, "there is no perplexity protocol “\(id)”",
        advice: "use ctp-N, gptq-N or llamacpp-N, N tokens per window")
    }
    try self.init(family, length: length)
  }

  package static let standard = PerplexityProtocol(fixed: .ctp, length: 1024)
  package static let gptq2048 = PerplexityProtocol(fixed: .gptq, length: 2048)
  package static let llamacpp512 = PerplexityProtocol(fixed: .llamacpp, length: 512)

  private init(fixed family: Family, length: Int) {
    self.family = family
    self.length = length
  }

  /// The family and the window's length, such as "ctp-1024".
  package var id: String { "\(family.rawValue)-\(length)" }

  /// Index of the first target scored in a window; the last is always `length` − 1. Token 0 is
  /// never scored.
  package var firstTarget: Int { family == .llamacpp ? length / 2 + 1 : 1 }

  /// Number of tokens scored per window.
  package var targetsPerWindow: Int { length - firstTarget }

  /// Number of whole windows in a text of `tokens` tokens.
  package func windowCount(tokens: Int) -> Int { tokens / length }

  /// The tokens [length] of window `index` of `ids`.
  /// - Parameter bos: the token that the vocabulary puts before a text, nil for none; used only by
  ///   `llamacpp`.
  package func window(_ index: Int, of ids: [Int32], bos: Int32?) -> [Int32] {
    var window = Array(ids[index * length..<(index + 1) * length])
    if family == .llamacpp, let bos { window[0] = bos }
    return window
  }
}
