import Bytes

/// Merges of a vocabulary with scores: every pair of tokens that spells a token can merge into it,
/// in order of descending score. Ties are ordered as in Hugging Face's converter (`generate_merges`
/// in transformers), so that ids agree with the converted tokenizer.json.
extension GGUFTokenizerDocument {
  /// Maximum number of byte comparisons; trying all splits of a token takes its length squared.
  private static let workLimit = 1 << 30
  /// Bytes of memory that merges may take per byte of the vocabulary, beside `InputBudget.base`: every
  /// merge holds its texts again, and a long token may have as many merges as it has bytes.
  private static let mergesFactor = 32
  /// An upper bound of a merge's memory beside its texts, in bytes.
  private static let mergeCost = 192

  /// The merges as pairs of token texts, in order of rank.
  func scoredMerges() throws(Failure) -> [JSON] {
    struct Candidate {
      let score: Float
      let left: Int32
      let right: Int32
      let leftLength: Int32
      let rightLength: Int32
    }
    guard vocabulary.scores.count == vocabulary.tokens.count else {
      throw failure("scores", "a vocabulary of the model \"llama\" needs a score for each token")
    }
    let table = TokenTable(vocabulary.tokens)
    var candidates: [Candidate] = []
    var work = 0
    var budget = InputBudget(
      bytes: vocabulary.tokens.reduce(0) { $0 + $1.count + 8 }, factor: Self.mergesFactor)
    for (id, token) in vocabulary.tokens.enumerated() where token.count > 1 {
      if id < vocabulary.types.count, vocabulary.types[id] == 6 { continue }
      let (cost, overflowed) = token.count.multipliedReportingOverflow(by: token.count)
      work += overflowed ? Self.workLimit : cost
      guard work < Self.workLimit else {
        throw failure("tokens", "the tokens are too long to derive merges from (token \(id))")
      }
      guard !vocabulary.scores[id].isNaN else { throw failure("scores", "the score \(id) is NaN") }
      var local: [Candidate] = []
      var characters: Int32 = 0
      let total = Int32(token.count { $0 & 0xC0 != 0x80 })
      for cut in 1..<token.count where token[cut] & 0xC0 != 0x80 {
        characters += 1
        guard let left = table.id(token, 0..<cut), let right = table.id(token, cut..<token.count)
        else { continue }
        do {
          try budget.take(Self.mergeCost + (token.count > 15 ? 96 + token.count : 0))
        } catch {
          throw failure("tokens", "the merges derived from them: \(error.finding)")
        }
        local.append(
          Candidate(
            score: vocabulary.scores[id], left: left, right: right, leftLength: characters,
            rightLength: total - characters))
      }
      local.sort { ($0.left, $0.right) < ($1.left, $1.right) }
      candidates += local
    }
    // Swift's sort is stable, as is Python's with reverse=True.
    candidates.sort {
      ($0.score, $0.leftLength, $0.rightLength) > ($1.score, $1.leftLength, $1.rightLength)
    }
    return candidates.map { candidate in
      .array(
        [candidate.left, candidate.right].map {
          .string(String(decoding: vocabulary.tokens[Int($0)], as: UTF8.self))
        })
    }
  }
}
