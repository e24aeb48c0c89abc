import Bytes
import Models
import Numerics

/// A generator of a task's answers: the likeliest tokens, up to a text that ends them.
final class TaskGenerator {
  /// Texts that are generated side by side: as many as one product with the weights takes.
  static let batch = DecodeProducts.maxRows

  private let task: TaskDescription
  private let model: LanguageModel
  private let tokenizer: TaskTokenizer
  private let start: PromptStart
  private let chooser: (any PromptChooser)?
  private let settings: GenerationSettings
  /// The prompt chosen for each item so far; empty without a choice.
  private(set) var choices: [PromptChoice] = []

  init(
    _ task: TaskDescription, _ model: LanguageModel, _ tokenizer: TaskTokenizer,
    _ prompt: TaskPrompt
  ) throws(Failure) {
    self.task = task
    self.tokenizer = tokenizer
    switch prompt {
    case .none: (self.model, start, chooser) = (model, .none, nil)
    case .one(_, let adapter):
      let (adapted, start) = try adapter.attached(to: model)
      // Computed once, not for each text.
      if case .vectors(let vectors) = start {
        self.start = .keyValues(try KeyValues(of: vectors, in: adapted))
      } else {
        self.start = start
      }
      (self.model, chooser) = (adapted, nil)
    case .chosen(_, let chooser): (self.model, start, self.chooser) = (model, .none, chooser)
    }
    var settings = GenerationSettings()
    settings.maxTokens = task.maxTokens
    settings.cache = .float32
    settings.stopTokens = Set(model.configuration.eosTokens + [tokenizer.end].compactMap(\.self))
    self.settings = settings
    guard contextLimit > 0 else {
      throw Failure(
        .invalidData, file: task.file, at: task.lines["generation_kwargs"].map { "line \($0)" },
        "asks for up to \(task.maxTokens) tokens, which leaves the model no position for a question",
        advice: "lower `max_gen_toks`")
    }
  }

  /// The most tokens of a context: the model's positions, less the prompt's and those to generate.
  private var contextLimit: Int {
    let c = model.configuration
    return min(c.maximumPositions, c.positionLimit ?? .max) - (chooser?.longest ?? start.count)
      - task.maxTokens
  }

  private func ids(_ item: TaskItem) -> [Int32] {
    tokenizer.encoded(item.pairs[0].context).suffix(contextLimit)
  }

  /// Whether an item's context is cut from the left.
  func isTruncated(_ item: TaskItem) -> Bool {
    tokenizer.encoded(item.pairs[0].context).count > contextLimit
  }

  /// The answers to some items, cut before the first text that ends them.
  func generate(_ items: [TaskItem]) throws(Failure) -> [String] {
    var tokens = [[Int32]](repeating: [], count: items.count)
    func onToken(_ text: Int, _ token: Int32) throws(Failure) -> Bool {
      if StopSignal.isRequested { throw Failure(.interrupted, "stopped") }
      tokens[text].append(token)
      let answer = tokenizer.decode(tokens[text])
      return !task.until.contains { PythonText.find($0, in: answer) != nil }
    }
    let texts = items.map(ids)
    if let chooser {
      let result = try model.generate(
        texts, chooser: chooser, settings: settings, onToken: onToken)
      choices += result.choices.compactMap(\.self)
      return result.tokens.map(cut)
    }
    let result = try model.generate(texts, prompt: start, settings: settings, onToken: onToken)
    return result.tokens.map(cut)
  }

  private func cut(_ tokens: [Int32]) -> String {
    let answer = tokenizer.decode(tokens)
    return task.until.reduce(answer) { text, end in
      PythonText.find(end, in: text).map { PythonText.joined(text.unicodeScalars.prefix($0)) }
        ?? text
    }
  }
}
