import ArgumentParser
import BundleFormat
import Bytes
import Models
import Numerics
import Pipeline

/// What a command puts before its texts.
enum PromptSelection {
  case none
  case one(StoredAdapter)
  /// Two or more, of which each text takes one.
  case several([StoredAdapter])
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
  private var route: PromptRouting.Rule?
  @Option(
    help: ArgumentHelp(
      "With `auto`: only so many tokens at the start of each text decide (default: \(usual(.keys)) by keys, \(usual(.loss)) by loss, \(usual(.attention)) by attention).",
      discussion: """
        Tokens that decide are known to the choice before they are scored; those behind them are not.
        """, valueName: "n"))
  var routeTokens: Int?

  private static func usual(_ rule: PromptRouting.Rule) -> String {
    PromptRouting.usual(rule).map { String($0) } ?? "all"
  }

  /// By what a text chooses among several.
  var rule: PromptRouting.Rule { route ?? .keys }

  func validate() throws {
    let least = rule.least
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

  func select(from file: ModelFile) throws(Failure) -> PromptSelection {
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
    return .several(prompts)
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

extension PromptRouting.Rule: ExpressibleByArgument {}

extension VerbosityOptions {
  /// Work that learns one prompt's routing key and keeps it, with its progress.
  func learningKey<Result>(
    of name: String,
    _ work: @escaping (_ onPart: (Int, Int) throws(Failure) -> Void) throws -> Result
  ) throws -> Result {
    try learningKeys(areKept: true) { onPart in
      try work { (done, of) throws(Failure) in try onPart([name], done, of) }
    }
  }

  /// Work that may learn routing keys, with its progress.
  ///
  /// - Parameters:
  ///   - areKept: whether learned keys will be stored; if not, a line says how they would be.
  ///   - work: calls what it gets with the prompts without a stored key, and the tokens done and to do.
  func learningKeys<Result>(
    areKept: Bool,
    _ work: @escaping (_ onPart: ([String], Int, Int) throws(Failure) -> Void) throws -> Result
  ) throws -> Result {
    try progress.alone("routing", unit: "token", unlessDone: "nothing was stored") { onPart in
      try work { (names, done, of) throws(Failure) in
        let list = names.map { "`\($0)`" }.joined(separator: ", ")
        if done == 0, !areKept {
          logger.notice(
            "learning what texts find \(list) by; `ctpack prompt compare --store` keeps it in the bundle"
          )
        }
        try onPart(done, of, list)
      }
    }
  }
}
