import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
import Text

extension ReportTokens {
  /// The most tokens that are shown: one window, which a reader can look through.
  package static let longest = 512

  /// The losses of a text's first tokens with the full model, the bundle's model, and that with a
  /// prompt, all over the same window.
  ///
  /// - Parameters:
  ///   - prompt: the prompt to measure; nil for none.
  ///   - progress: told after each of the measurements.
  /// - Throws: `notMet` if the two models have different tokenizers; `usage` if the text has fewer than
  ///   two tokens; `invalidData` if a loss isn't finite.
  package init(
    of bundle: ModelBundle, prompt: StoredAdapter?, against full: ModelFile, _ corpus: Corpus,
    named text: String, in protocols: inout ReportProtocols, progress: ProgressHandler = .none
  ) throws(Failure) {
    // A checkpoint has no digest before it is imported.
    if case .bundle(let source) = full, let base = try bundle.baseModelDigest,
      let found = try source.baseModelDigest, found != base
    {
      throw Failure(
        .notMet, file: full.path,
        "was made from the base model \(found.hex), \(bundle.path) from \(base.hex)",
        advice: "name the model that the bundle was compressed from")
    }
    let tokenizer = try ModelFile.bundle(bundle).tokenizer()
    let ids = tokenizer.encode(corpus.text)
    let window = Array(ids.prefix(Self.longest))
    guard window.count > 1 else {
      throw Failure(
        .usage, "the text has \(ids.count) tokens; 2 are needed", advice: "use a longer text")
    }
    // Other ids would make the losses those of other words.
    guard try Array(full.tokenizer().encode(corpus.text).prefix(Self.longest)) == window else {
      throw Failure(
        .notMet, file: full.path, "splits the text into other tokens than \(bundle.path)",
        advice: "name the model that the bundle was compressed from")
    }
    let measurements = prompt == nil ? 2 : 3
    try progress.report(0, of: measurements)
    let before = try Scorer(full.model(), prompt: nil).nll([window])[0]
    try progress.report(1, of: measurements)
    let model = try ModelFile.bundle(bundle).model()
    let after = try Scorer(model, prompt: nil).nll([window])[0]
    try progress.report(2, of: measurements)
    var prompted: [Float]?
    if let prompt {
      let adapter = try Adapter(prompt, for: model.configuration)
      prompted = try Scorer(model, adapter: adapter).nll([window])[0]
      try progress.report(3, of: measurements)
    }
    let texts = Self.texts(of: window, tokenizer)
    self.init(
      tokens: window.indices.map { index in
        // The first token has no loss: nothing comes before it.
        Token(
          texts[index], full: index == 0 ? nil : Double(before[index - 1]),
          compressed: index == 0 ? nil : Double(after[index - 1]),
          prompted: index == 0 ? nil : prompted.map { Double($0[index - 1]) })
      }, prompt: prompt?.name,
      protocol: protocols.number(
        of: ReportProtocol(
          .tokens, id: "ctp-\(window.count)", text: text, textDigest: corpus.digest,
          tokenizer: bundle.tokenizerDigest, windows: 1, scored: window.count - 1,
          available: ids.count, arithmetic: model.arithmetic.available.rawValue)))
  }

  /// The text of each token. What decoding holds back until a character is complete goes to the token
  /// that completes it.
  private static func texts(of ids: [Int32], _ tokenizer: Tokenizer) -> [String] {
    var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: false)
    var texts = ids.map { decoder.append($0) }
    texts[texts.count - 1] += decoder.finish()
    return texts
  }
}
