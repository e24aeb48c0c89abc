import BundleFormat
import Bytes
import Evaluation
import Models

extension PromptRouter {
  /// A record of this router's choices among prompts called `names`, with no windows yet.
  package func record(among names: [String]) -> ChoiceRecord {
    precondition(names.count == prefixes.count, "a name per prompt")
    return ChoiceRecord(
      rule: ComparisonRule(rule).rawValue, deciding: deciding,
      shares: names.map { ChoiceRecord.Share(prompt: $0, windows: 0) })
  }
}

extension PerplexityMeter {
  /// Starts or resumes a measurement in which `router` chooses a prompt for each window.
  ///
  /// If all tokens of a window decide, the choice has seen the text that is then scored.
  /// - Parameter names: names of the prompts to choose from, in the router's order.
  package init(
    _ model: LanguageModel, ids: [Int32], rule: PerplexityProtocol = .standard,
    limit: Int? = nil, bos: Int32? = nil, choosing names: [String], by router: PromptRouter,
    state: State = State()
  ) throws(Failure) {
    try self.init(
      model, ids: ids, rule: rule, limit: limit, bos: bos, chooser: router,
      record: router.record(among: names), state: state)
  }
}
