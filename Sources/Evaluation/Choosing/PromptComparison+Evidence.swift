import BundleFormat
import Bytes
import Numerics

extension PromptComparison {
  /// One row's measurement on a text (nil: on all texts, one after the other).
  package func perplexity(_ pick: PromptPick, text: Int? = nil) -> Perplexity {
    let own = texts.indices.filter { text == nil || text == $0 }
    let name: String? =
      switch pick {
      case .without: nil
      case .prompt(let prompt): names[prompt]
      case .chosen: "auto"
      }
    return Perplexity(
      protocolID: rule.id, sums: sums(pick, text: text),
      tokens: own.reduce(0) { $0 + texts[$1].tokens },
      windows: own.reduce(0) { $0 + texts[$1].windows.count }, prompt: name,
      choice: choice(pick, text: text))
  }

  /// The same over the targets behind the first `part` tokens of each window.
  package func rest(_ pick: PromptPick, text: Int? = nil) -> RestRecord {
    let sums = sums(pick, text: text, from: part)
    let value = Perplexity(
      protocolID: rule.id, sums: sums, tokens: 0, windows: 0, prompt: nil
    ).value
    return RestRecord(from: max(rule.firstTarget, part), ppl: value, scoredTokens: sums.count)
  }

  private func choice(_ pick: PromptPick, text: Int?) -> ChoiceRecord? {
    guard case .chosen(let rule) = pick else { return nil }
    return ChoiceRecord(
      rule: rule == .attentionPart ? PromptRule.attention.rawValue : rule.rawValue,
      deciding: rule.goesByPart ? part : nil,
      seed: rule == .random ? Int(truncatingIfNeeded: seed) : nil,
      shares: zip(names, shares(rule, text: text)).map {
        ChoiceRecord.Share(prompt: $0, windows: $1)
      })
  }

  /// What a bundle keeps: a record per text and row.
  package func evidence(
    model: (name: String, digest: SHA256Digest?), arithmetic: Arithmetic
  ) -> [EvidenceRecord] {
    texts.indices.flatMap { text in
      picks.map { pick in
        perplexity(pick, text: text).evidence(
          text: (texts[text].name, texts[text].digest), model: model, arithmetic: arithmetic,
          rest: rest(pick, text: text))
      }
    }
  }

  /// What each prompt's own record keeps: a measurement per text.
  package func validations(
    on weights: SHA256Digest
  ) throws(Failure) -> [(prompt: String, of: Validation)] {
    var found: [(prompt: String, of: Validation)] = []
    for (prompt, name) in names.enumerated() {
      for text in texts.indices {
        found.append(
          (
            name,
            try Perplexity.validation(
              without: perplexity(.without, text: text),
              with: perplexity(.prompt(prompt), text: text), weights: weights,
              text: (texts[text].name, texts[text].digest))
          ))
      }
    }
    return found
  }
}
