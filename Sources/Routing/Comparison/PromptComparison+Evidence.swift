import BundleFormat
import Bytes
import Evaluation
import Numerics

extension PromptComparison {
  /// The perplexity of one row of the comparison on one text, or on all texts in order if `text` is
  /// nil.
  package func perplexity(_ row: ComparisonRow, text: Int? = nil) -> Perplexity {
    let own = texts.indices.filter { text == nil || text == $0 }
    let name: String? =
      switch row {
      case .without: nil
      case .prompt(let prompt): names[prompt]
      case .chosen: "auto"
      }
    return Perplexity(
      protocolID: rule.id, sums: sums(row, text: text),
      tokens: own.reduce(0) { $0 + texts[$1].tokens },
      windows: own.reduce(0) { $0 + texts[$1].windows.count }, prompt: name,
      choice: choice(row, text: text))
  }

  /// The perplexity of one row over the targets after the first `part` tokens of each window, on
  /// one text, or on all texts in order if `text` is nil.
  package func rest(_ row: ComparisonRow, text: Int? = nil) -> RestRecord {
    let sums = sums(row, text: text, from: part)
    let value = Perplexity(
      protocolID: rule.id, sums: sums, tokens: 0, windows: 0, prompt: nil
    ).value
    return RestRecord(from: max(rule.firstTarget, part), ppl: value, scoredTokens: sums.count)
  }

  private func choice(_ row: ComparisonRow, text: Int?) -> ChoiceRecord? {
    guard case .chosen(let rule) = row else { return nil }
    return ChoiceRecord(
      rule: rule == .attentionPart ? ComparisonRule.attention.rawValue : rule.rawValue,
      deciding: rule.goesByPart ? part : nil,
      seed: rule == .random ? Int(truncatingIfNeeded: seed) : nil,
      shares: zip(names, shares(rule, text: text)).map {
        ChoiceRecord.Share(prompt: $0, windows: $1)
      })
  }

  /// The evidence records that a bundle keeps: one per text and row.
  package func evidence(
    model: (name: String, digest: SHA256Digest?), tokenizer: SHA256Digest?, arithmetic: Arithmetic
  ) -> [EvidenceRecord] {
    texts.indices.flatMap { text in
      rows.map { row in
        perplexity(row, text: text).evidence(
          text: (texts[text].name, texts[text].digest), model: model, tokenizer: tokenizer,
          arithmetic: arithmetic, rest: rest(row, text: text))
      }
    }
  }

  /// The measurements on weights `weights` for each prompt's own record: one per prompt and text.
  package func validations(
    on weights: SHA256Digest, arithmetic: Arithmetic
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
              text: (texts[text].name, texts[text].digest), arithmetic: arithmetic)
          ))
      }
    }
    return found
  }
}
