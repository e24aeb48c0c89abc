import BundleFormat
import Bytes
import Checkpoints
import Models
import Routing
import Text

/// The check that a bundle's model can be used. The format knows no models; this opens one as every
/// command does, with the loaders themselves.
extension ModelBundle {
  /// The findings of `check`, and at the level full also of `checkUse`.
  package func checkForUse(_ level: Verification) -> [Problem] {
    let problems = check(level)
    // What is damaged is reported once, not again for everything that follows from it.
    guard level == .full, !problems.contains(where: { $0.severity == .error }) else {
      return problems
    }
    return problems + checkUse()
  }

  /// Opens and checks a file as `checkForUse` does; one that can't be opened as a bundle gives one
  /// error that says why.
  /// - Throws: only where the file is missing or can't be read.
  package static func auditForUse(
    path: String, level: Verification
  ) throws(Failure) -> [Problem] {
    let problems = try audit(path: path, level: level)
    guard level == .full, !problems.contains(where: { $0.severity == .error }) else {
      return problems
    }
    return problems + (try ModelBundle(path: path)).checkUse()
  }

  /// The faults that keep the model from being used: a missing configuration or tokenizer, tensors that are
  /// missing or of other shapes than the configuration's, token ids beyond the vocabulary, prompts
  /// and adapters for other shapes. Empty if nothing does.
  package func checkUse() -> [Problem] {
    var problems: [Problem] = []
    func attempt<T>(_ place: String, _ body: () throws(Failure) -> T) -> T? {
      do throws(Failure) {
        return try body()
      } catch {
        problems.append(Problem(at: error.place ?? place, error.finding))
        return nil
      }
    }
    let tokenizer = attempt("tokenizer") { () throws(Failure) in
      try Tokenizer(json: self.tokenizer, file: path)
    }
    let configuration = attempt("configuration") { () throws(Failure) in
      try ModelConfiguration(canonical: self.configuration, file: path)
    }
    if let tokenizer, let configuration {
      problems += Self.checkVocabulary(tokenizer, configuration)
    }
    // Without a configuration there is no model to speak of.
    guard configuration != nil,
      let model = attempt(
        "tensors", { () throws(Failure) in try LanguageModel(bundle: self, residency: .streamed) })
    else { return problems }
    for index in 0..<model.configuration.layers {
      // One block that doesn't load says enough: the others are like it.
      if attempt("block \(index)", { () throws(Failure) in try model.block(index) }) == nil {
        break
      }
    }
    for section in sections(of: .prompt) + sections(of: .adapter) {
      _ = attempt(section.label) { () throws(Failure) in try checkFit(of: section.name, model) }
    }
    return problems
  }

  /// Token ids that the model has no embedding for. Special tokens beyond the vocabulary can't be
  /// used, but no text needs them.
  private static func checkVocabulary(
    _ tokenizer: Tokenizer, _ configuration: ModelConfiguration
  ) -> [Problem] {
    let size = configuration.vocabularySize
    guard tokenizer.vocabularySize > size else { return [] }
    let beyond = (size..<tokenizer.vocabularySize).map { Int32($0) }.filter {
      tokenizer.token($0) != nil
    }
    let finding = "the model's vocabulary has \(size) tokens, the tokenizer knows the id"
    if let id = beyond.first(where: { !tokenizer.isSpecial($0) || $0 == tokenizer.forcedBOS }) {
      return [Problem(at: "tokenizer", "\(finding) \(id)")]
    }
    return beyond.first.map {
      [Problem(.note, at: "tokenizer", "\(finding) \($0) of a special token")]
    } ?? []
  }

  /// Attaches a prompt or adapter, and its keys and values and its routing key if there are any.
  private func checkFit(of name: String, _ model: LanguageModel) throws(Failure) {
    guard let prompt = try adapter(named: name) else { return }
    _ = try Adapter(prompt, for: model.configuration).attached(to: model)
    _ = try start(with: prompt, of: model, exact: false)
    if let key = try routingKey(of: name) { try RoutingKey(key).check(model.configuration) }
  }
}
