/// The four perplexities of one text under one protocol with one prompt, which may be compared.
package struct ReportComparison: Sendable {
  package let text: String
  /// The number of the protocol.
  package let `protocol`: Int
  /// The prompt of the two numbers that have one; nil without.
  package let prompt: String?
  private let newest: [ReportSubject: ReportScore]

  private init(text: String, protocol: Int, prompt: String?, scores: [ReportScore]) {
    self.text = text
    self.protocol = `protocol`
    self.prompt = prompt
    newest = Dictionary(scores.map { ($0.subject, $0) }, uniquingKeysWith: { $1 })
  }

  /// The newest number of `subject`; nil where it wasn't measured.
  package subscript(subject: ReportSubject) -> ReportScore? { newest[subject] }

  /// The share of the perplexity gap between the full and the compressed model that the prompt closes:
  /// above 1 if the result is better than the full model's, negative if the prompt does harm, nil if
  /// there is no gap.
  package var gapClosed: Double? {
    guard let full = self[.full]?.perplexity.value,
      let plain = self[.compressed]?.perplexity.value,
      let prompted = self[.compressedWithPrompt]?.perplexity.value, plain > full
    else { return nil }
    return (plain - prompted) / (plain - full)
  }

  /// The comparisons that `scores` allow, in their order: one for each protocol and prompt. Choices
  /// among prompts and numbers of other weights are left out.
  package static func all(
    in scores: [ReportScore], _ protocols: ReportProtocols
  ) -> [ReportComparison] {
    let usable = scores.filter { $0.rule == nil && !$0.isOfOtherWeights }
    return usable.groupedInOrder(by: \.protocol).flatMap { number, own -> [ReportComparison] in
      // One of each model: all prompts are compared with the same numbers.
      let plain = own.filter { $0.prompt == nil }.groupedInOrder(by: \.subject).compactMap(
        \.elements.last)
      let prompts = own.filter { $0.prompt != nil }.groupedInOrder { $0.prompt ?? "" }
      func comparison(_ prompt: String?, _ prompted: [ReportScore]) -> ReportComparison {
        ReportComparison(
          text: protocols[number].text, protocol: number, prompt: prompt, scores: plain + prompted)
      }
      return prompts.isEmpty
        ? [comparison(nil, [])] : prompts.map { comparison($0.key, $0.elements) }
    }
  }
}
