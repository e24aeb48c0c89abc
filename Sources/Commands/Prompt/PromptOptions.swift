import ArgumentParser
import Builds
import BundleFormat
import Bytes
import Models
import Pipeline
import Routing

/// The prompts to use for a command's texts.
enum SelectedPrompts {
  case none
  case one(StoredAdapter)
  /// Two or more prompts of a bundle, among which each text's prompt is chosen.
  case several([StoredAdapter], of: ModelBundle)
}

/// Options that select a bundle's prompt, or the rule for choosing among several.
struct PromptOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The prompt to use: its name, `none`, or `auto`.",
      discussion: """
        auto: the bundle's only prompt, or the best of several for each text (--route). Prompts that \
        were never measured on these weights are left out.
        """, valueName: "name"))
  var prompt = "auto"
  @Option(
    help: ArgumentHelp(
      "With `auto` and several prompts: the rule for choosing, keys (default), loss or attention.",
      discussion: """
        keys: the prompt whose routing key receives most of the attention of the first block's queries; costs next to \
        nothing. loss: the prompt after which the text's first tokens are likeliest; costs a forward pass over them \
        per prompt. Use it if the prompts are for different tasks on the same kind of text. attention: the prompt \
        whose own rows receive most of the first block's attention (inference-time dynamic prompting as \
        published); some prompts draw more attention whatever the text.
        """, valueName: "rule"))
  private var route: RoutingRule?
  @Option(
    help: ArgumentHelp(
      "With `auto`: number of tokens at the start of each text that decide (default: \(usual(.keys)) by keys, \(usual(.loss)) by loss, \(usual(.attention)) by attention).",
      discussion: """
        In a measurement, these tokens are both seen by the rule and scored; the tokens after them are not seen.
        """, valueName: "n"))
  var routeTokens: Int?

  private static func usual(_ rule: RoutingRule) -> String {
    rule.usualTokens.map { String($0) } ?? "all"
  }

  private var rule: RoutingRule { route ?? .keys }

  func validate() throws {
    let least = rule.fewestTokens
    if let routeTokens, routeTokens < least {
      throw ValidationError("--route-tokens takes \(least) or more with --route \(rule)")
    }
    if route != nil && prompt != "auto" {
      throw ValidationError("--route goes with --prompt auto")
    }
    if routeTokens != nil && prompt != "auto" {
      throw ValidationError("--route-tokens goes with --prompt auto")
    }
  }

  /// The prompts selected by the options.
  ///
  /// - Throws: `usage` if there is no such prompt, or no rule can choose among several.
  func select(from file: ModelFile) throws(Failure) -> SelectedPrompts {
    guard prompt != "none" else { return .none }
    guard case .bundle(let bundle) = file else {
      if prompt == "auto" { return .none }
      throw Failure(.usage, file: file.path, at: "--prompt", "only bundles have prompts")
    }
    if prompt != "auto" { return .one(try Self.named(prompt, in: bundle)) }
    // Prompts that were never measured on these weights are used only by name.
    let prompts = try bundle.adapters.filter { !$0.unvalidated }
    guard let first = prompts.first else { return .none }
    guard prompts.count > 1 else { return .one(first) }
    try Self.checkChoice(among: prompts, in: bundle)
    return .several(prompts, of: bundle)
  }

  /// The bundle's prompt of a given name.
  ///
  /// - Throws: `usage` if there is none.
  static func named(_ name: String, in bundle: ModelBundle) throws(Failure) -> StoredAdapter {
    if let found = try bundle.adapter(named: name) { return found }
    let names = try bundle.adapters.map(\.name).joined(separator: ", ")
    throw Failure(
      .usage, file: bundle.path, at: "--prompt", "there is no prompt `\(name)`",
      advice: names.isEmpty ? "the bundle has none" : "it has \(names)")
  }

  /// Checks that a rule can choose among the prompts, which needs keys that a text can attend to.
  ///
  /// - Throws: `usage` with the name of an adapter without keys.
  static func checkChoice(among prompts: [StoredAdapter], in bundle: ModelBundle) throws(Failure) {
    guard let adapter = prompts.first(where: { $0.tokens == 0 }) else { return }
    throw Failure(
      .usage, file: bundle.path, at: "--prompt",
      "`\(adapter.name)` (\(adapter.shape.label)) has no keys that a text could attend to, so"
        + " there is no choice among \(prompts.map(\.name).joined(separator: ", "))",
      advice: "name one of them, or `none`")
  }
}

extension RoutingRule: ExpressibleByArgument {}

extension PromptOptions {
  /// The router among several prompts by the chosen rule. Routing keys that the bundle doesn't store are
  /// learned, with progress.
  ///
  /// - Parameter exact: whether to ignore stored keys and values, which are rounded to float16.
  func router(
    among prompts: [StoredAdapter], of bundle: ModelBundle, in model: LanguageModel, exact: Bool,
    _ verbosity: VerbosityOptions
  ) throws -> PromptRouter {
    try verbosity.learningKeys(areKept: false) { progress in
      try PromptRouter(
        among: prompts, of: bundle, in: model, exact: exact, rule: rule, deciding: routeTokens,
        progress: progress)
    }
  }
}

extension VerbosityOptions {
  /// Runs work that may learn routing keys, and shows its progress.
  ///
  /// - Parameters:
  ///   - areKept: whether learned keys will be stored; if not, a notice says how to store them.
  ///   - work: reports the tokens done, the total, and the names of the prompts whose keys it learns.
  func learningKeys<Result>(
    areKept: Bool = true, _ work: (ProgressHandler) throws -> Result
  ) throws -> Result {
    try progress.alone("routing", unit: "token", unlessDone: "nothing was stored") { shown in
      try work(
        ProgressHandler { (done, total, names) throws(Failure) in
          if done == 0, !areKept {
            logger.notice(
              "learning routing keys for \(names); `ctpack prompt compare --store` stores them in the bundle"
            )
          }
          try shown.report(done, of: total, names)
        })
    }
  }
}
