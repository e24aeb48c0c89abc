import ArgumentParser
import Builds
import BundleFormat
import Bytes
import Models
import Pipeline
import Routing

/// The prompts that a command uses for its texts.
enum SelectedPrompts {
  case none
  case one(StoredAdapter)
  /// Two or more of a bundle, of which each text takes one.
  case several([StoredAdapter], of: ModelBundle)
}

/// Which prompt of a bundle to use.
struct PromptOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The prompt to use: its name, `none`, or `auto`.",
      discussion: """
        auto: the bundle's own where it has one; of several, each text takes one (--route). Prompts \
        that were never measured on these weights are left out.
        """, valueName: "name"))
  var prompt = "auto"
  @Option(
    help: ArgumentHelp(
      "With `auto` and several prompts: by what a text chooses, keys (default), loss or attention.",
      discussion: """
        keys: on which prompt's routing key most of the attention of the first block's queries falls; costs next to \
        nothing. loss: behind which prompt its first tokens are likeliest; a pass over those per prompt, and \
        the choice where prompts are for different tasks on the same kind of text. attention: on which prompt's \
        own rows most of that attention falls, as inference-time dynamic prompting was published; a prompt may \
        draw more of it whatever the text.
        """, valueName: "rule"))
  private var route: RoutingRule?
  @Option(
    help: ArgumentHelp(
      "With `auto`: only so many tokens at the start of each text decide (default: \(usual(.keys)) by keys, \(usual(.loss)) by loss, \(usual(.attention)) by attention).",
      discussion: """
        Tokens that decide are known to the choice before they are scored; those behind them are not.
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

  func select(from file: ModelFile) throws(Failure) -> SelectedPrompts {
    guard prompt != "none" else { return .none }
    guard case .bundle(let bundle) = file else {
      if prompt == "auto" { return .none }
      throw Failure(.usage, file: file.path, at: "--prompt", "only bundles have prompts")
    }
    if prompt != "auto" { return .one(try Self.named(prompt, in: bundle)) }
    // Prompts that were never measured on these weights aren't used without being asked for.
    let prompts = try bundle.adapters.filter { !$0.unvalidated }
    guard let first = prompts.first else { return .none }
    guard prompts.count > 1 else { return .one(first) }
    try Self.checkChoice(among: prompts, in: bundle)
    return .several(prompts, of: bundle)
  }

  /// - Throws: `usage` where there is none of this name.
  static func named(_ name: String, in bundle: ModelBundle) throws(Failure) -> StoredAdapter {
    if let found = try bundle.adapter(named: name) { return found }
    let names = try bundle.adapters.map(\.name).joined(separator: ", ")
    throw Failure(
      .usage, file: bundle.path, at: "--prompt", "there is no prompt `\(name)`",
      advice: names.isEmpty ? "the bundle has none" : "it has \(names)")
  }

  /// - Throws: `usage` naming an adapter to which nothing can attend.
  static func checkChoice(among prompts: [StoredAdapter], in bundle: ModelBundle) throws(Failure) {
    guard let adapter = prompts.first(where: { $0.tokens == 0 }) else { return }
    throw Failure(
      .usage, file: bundle.path, at: "--prompt",
      "`\(adapter.name)` (\(adapter.shape.label)) has no keys that a text could attend to, so that"
        + " there is no choice among \(prompts.map(\.name).joined(separator: ", "))",
      advice: "name one, or `none`")
  }
}

extension RoutingRule: ExpressibleByArgument {}

extension PromptOptions {
  /// The router among several prompts that these options ask for, with progress while it learns routing keys
  /// that the bundle doesn't store.
  /// - Parameter exact: whether stored keys and values, which are rounded to float16, are left unused.
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
  /// Work that may learn routing keys, with its progress.
  ///
  /// - Parameters:
  ///   - areKept: whether learned keys will be stored; if not, a line says how they would be.
  ///   - work: reports the tokens done and to do, and the names of the prompts whose keys it learns.
  func learningKeys<Result>(
    areKept: Bool = true, _ work: (ProgressHandler) throws -> Result
  ) throws -> Result {
    try progress.alone("routing", unit: "token", unlessDone: "nothing was stored") { shown in
      try work(
        ProgressHandler { (done, total, names) throws(Failure) in
          if done == 0, !areKept {
            logger.notice(
              "learning routing keys for \(names); `ctpack prompt compare --store` keeps them in the bundle"
            )
          }
          try shown.report(done, of: total, names)
        })
    }
  }
}
