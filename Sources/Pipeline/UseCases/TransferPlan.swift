import Builds
import BundleFormat
import Bytes
import Evaluation
import Models
import Prompts
import Routing
import Text

/// A transfer of prompts from one bundle to another: selected and checked first, then optionally
/// measured on the target, and written in one commit.
package struct TransferPlan: Sendable {
  /// The prompts to transfer.
  package enum Selection: Sendable {
    /// Every prompt of the source, under its own name.
    case all
    /// The source's only prompt, optionally under a new name.
    case only(as: String?)
    /// Prompts by name, each optionally under a new name.
    case named([(name: String, newName: String?)])
  }

  /// The checked transfers, one per prompt.
  package private(set) var transfers: [Transfer]
  /// The measurements of the target, without a prompt and then with each; empty before `measure`.
  package private(set) var records: [EvidenceRecord] = []
  private let target: ModelBundle

  /// Selects and checks the prompts without writing anything.
  ///
  /// - Throws: `usage` if the source has no prompt, if the selection is ambiguous, or if a name is
  ///   taken; `notMet` if a prompt belongs to another base model, tokenizer or width.
  package init(
    _ selection: Selection, from source: ModelBundle, to target: ModelBundle
  ) throws(Failure) {
    self.target = target
    var chosen: [(name: String?, new: String?)]
    switch selection {
    case .all:
      chosen = try source.adapters.map { ($0.name, nil) }
      guard !chosen.isEmpty else {
        throw Failure(.usage, file: source.path, "the bundle has no prompt")
      }
    case .only(let new): chosen = [(nil, new)]
    case .named(let prompts): chosen = prompts.map { ($0.name, $0.newName) }
    }
    transfers = []
    for (name, new) in chosen {
      transfers.append(try Transfer(name, from: source, to: target, as: new))
    }
  }

  /// Measures the target's perplexity without and with each prompt, and learns each prompt's
  /// routing key on the target.
  ///
  /// - Parameters:
  ///   - name: the text's name in evidence.
  ///   - windows: the maximum number of windows; nil for all.
  /// The target's bytes are compared with their hashes first: the numbers are kept under its digest.
  ///
  /// - Throws: `invalidData` if the target is damaged; `usage` if the text is shorter than a window;
  ///   `notMet` if a perplexity isn't a finite number; `interrupted` if a stop was requested.
  package mutating func measure(
    _ corpus: Corpus, named name: String, rule: PerplexityProtocol, windows: Int?,
    progress: BuildProgress
  ) throws {
    try target.requireSound()
    let file = ModelFile.bundle(target)
    let model = try file.model()
    let measurement = Measurement(
      model: model, tokenizer: try file.tokenizer(), progress: progress)
    var measured = [
      try measurement.perplexity(corpus.text, rule: rule, windows: windows, label: "without")
    ]
    for prompt in transfers.map(\.prompt) {
      let adapter = try Adapter(prompt, for: model.configuration)
      measured.append(
        try measurement.perplexity(
          corpus.text, rule: rule, windows: windows, prompt: (prompt.name, adapter),
          label: "with \(prompt.name)"))
    }
    let text = (name: name, digest: Optional(corpus.digest))
    for index in transfers.indices {
      let (prompt, weights) = (transfers[index].prompt, transfers[index].targetWeights)
      if let key = try routingKey(of: prompt, in: model, weights, progress) {
        transfers[index].add(key)
      }
      transfers[index].add(
        try Perplexity.validation(
          without: measured[0], with: measured[1 + index], weights: weights, text: text,
          arithmetic: model.arithmetic.available))
    }
    records = measured.map {
      $0.evidence(
        text: text, model: (name: "compressed", digest: target.weightsDigest),
        tokenizer: target.tokenizerDigest, arithmetic: model.arithmetic.available)
    }
  }

  private func routingKey(
    of prompt: StoredAdapter, in model: LanguageModel, _ weights: SHA256Digest,
    _ progress: BuildProgress
  ) throws -> StoredRoutingKey? {
    try progress.alone("routing", unit: "token", unlessDone: "nothing was stored") {
      try StoredRoutingKey.learn(for: prompt, in: model, weights: weights, progress: $0)
    }
  }

  /// Appends the prompts and the measurements to the target in one commit.
  ///
  /// - Returns: the target's new generation.
  /// - Throws: `notMet` if a prompt isn't validated on the target's weights and `allowUnvalidated`
  ///   is false; `usage` if two prompts would have the same name.
  package func write(allowUnvalidated: Bool) throws(Failure) -> UInt64 {
    try Transfer.write(transfers, adding: records, allowUnvalidated: allowUnvalidated)
  }
}
