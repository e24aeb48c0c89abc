import BundleFormat
import Bytes
import Models
import Numerics

/// One way to run a model whose speed is measured: without an adapter, or with one.
package struct SpeedCase: Sendable {
  /// The source of a prompt's positions when a text begins.
  package enum Form: String, Sendable {
    /// There is no adapter.
    case none
    /// The prompt's rows run through the model, before each text.
    case run
    /// The prompt's keys and values are known, so that its rows aren't run; a prefix has no other form.
    case keyValues = "key-values"
    /// The adapter changes the weights' products (LoRA); it has no positions.
    case weights
  }

  /// "none", the adapter's name, or that of a made prompt.
  package let name: String
  /// "none", or the adapter's kind as recipes spell it.
  package let kind: String
  package let form: Form
  /// Whether the prompt was made for the measurement: random rows that nothing was learned for.
  package let isMade: Bool
  /// Positions before a text's first token.
  package let tokens: Int
  /// Learned numbers.
  package let parameters: Int
  /// The adapter's sizes in words.
  package let label: String
  package let model: LanguageModel
  package let start: PromptStart

  /// The model without an adapter.
  package static func none(_ model: LanguageModel) -> SpeedCase {
    SpeedCase(
      name: "none", kind: "none", form: .none, isMade: false, tokens: 0, parameters: 0,
      label: "no parameters", model: model, start: .none)
  }

  private init(
    name: String, kind: String, form: Form, isMade: Bool, tokens: Int, parameters: Int,
    label: String, model: LanguageModel, start: PromptStart
  ) {
    self.name = name
    self.kind = kind
    self.form = form
    self.isMade = isMade
    self.tokens = tokens
    self.parameters = parameters
    self.label = label
    self.model = model
    self.start = start
  }

  private init(
    _ adapter: StoredAdapter, _ form: Form, isMade: Bool = false, model: LanguageModel,
    start: PromptStart
  ) {
    self.init(
      name: adapter.name, kind: adapter.shape.kind.rawValue, form: form, isMade: isMade,
      tokens: adapter.tokens, parameters: adapter.values.count, label: adapter.shape.label,
      model: model, start: start)
  }
}

extension SpeedCase {
  /// The ways to run a model with an adapter of a bundle: a prompt both run through the model and, if the
  /// bundle stores them, from its keys and values; other adapters in their one form.
  /// - Throws: `usage` if the adapter is for a model of another shape.
  package static func with(
    _ adapter: StoredAdapter, of bundle: ModelBundle, model: LanguageModel
  ) throws(Failure) -> [SpeedCase] {
    let exact = try bundle.start(with: adapter, of: model, exact: true)
    guard case .vectors = exact.start else {
      let form: Form = exact.start.count > 0 ? .keyValues : .weights
      return [SpeedCase(adapter, form, model: exact.model, start: exact.start)]
    }
    let run = SpeedCase(adapter, .run, model: exact.model, start: exact.start)
    let known = try bundle.start(with: adapter, of: model, exact: false)
    guard case .keyValues = known.start else { return [run] }
    return [run, SpeedCase(adapter, .keyValues, model: known.model, start: known.start)]
  }

  /// The ways to run a model with a soft prompt of `tokens` positions that is made for the measurement, from
  /// the embeddings of tokens of the vocabulary: run through the model, and from its keys and values.
  package static func made(tokens: Int, model: LanguageModel) throws(Failure) -> [SpeedCase] {
    let vocabulary = model.configuration.vocabularySize
    let rows = try model.embed((0..<tokens).map { Int32(($0 * 104_729 + 1) % vocabulary) })
    let adapter = StoredAdapter(
      name: "\(tokens) virtual tokens", shape: .prompt(tokens: tokens, in: model.configuration),
      values: rows.values,
      binding: StoredAdapter.Binding(baseModel: nil, tokenizer: nil, weights: nil),
      objective: "none")
    let known = try KeyValues(of: rows, in: model)
    return [
      SpeedCase(adapter, .run, isMade: true, model: model, start: .vectors(rows)),
      SpeedCase(adapter, .keyValues, isMade: true, model: model, start: .keyValues(known)),
    ]
  }

  /// The cases of a measurement: none, soft prompts by their length, then the other adapters.
  ///
  /// - Parameters:
  ///   - lengths: lengths of soft prompts to measure; those that no adapter has are made.
  ///   - adapters: adapters of `bundle`.
  /// - Throws: `usage` if an adapter is for a model of another shape.
  package static func all(
    model: LanguageModel, bundle: ModelBundle?, adapters: [StoredAdapter], lengths: [Int]
  ) throws(Failure) -> [SpeedCase] {
    var prompts: [SpeedCase] = []
    var others: [SpeedCase] = []
    for adapter in adapters {
      guard let bundle else { break }
      let cases = try with(adapter, of: bundle, model: model)
      if adapter.shape.sectionType == .prompt { prompts += cases } else { others += cases }
    }
    let held = Set(prompts.map(\.tokens))
    for length in Set(lengths).sorted() where length > 0 && !held.contains(length) {
      prompts += try made(tokens: length, model: model)
    }
    let ordered = prompts.enumerated().sorted {
      ($0.element.tokens, $0.offset) < ($1.element.tokens, $1.offset)
    }
    return [none(model)] + ordered.map(\.element) + others
  }
}
