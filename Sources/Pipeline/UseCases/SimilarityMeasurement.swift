import Builds
import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
import Prompts
import Text

/// A comparison of a bundle's model with the full model, block by block, on one text.
package struct SimilarityMeasurement {
  package let bundle: ModelBundle
  /// The adapters that were compared, in their order; the model without one comes before them.
  package let adapters: [StoredAdapter]
  /// The text's name, without a path, and its digest.
  package let text: (name: String, digest: SHA256Digest)
  /// Tokens of the text.
  package let tokens: Int
  package let rule: PerplexityProtocol
  package let windows: Int
  /// The arithmetic of the products.
  package let arithmetic: Arithmetic
  /// The digest of the full model's weights; nil if it isn't known to be the bundle's base model or another bundle.
  package let fullDigest: SHA256Digest?
  package let results: [SimilarityMeter.Result]

  /// Compares the model of `bundle`, without a prompt and with each of `adapters`, with `full`.
  ///
  /// - Parameter limit: maximum number of windows, from the start of the text.
  /// - Throws: `usage` if the models are of different shapes or the text is too short; `interrupted` between two
  ///   blocks.
  package init(
    of bundle: ModelBundle, adapters: [StoredAdapter], against full: ModelFile,
    text: (name: String, corpus: Corpus), rule: PerplexityProtocol, limit: Int?,
    arithmetic: Arithmetic, progress: BuildProgress
  ) throws {
    let model = try LanguageModel(bundle: bundle, arithmetic: arithmetic)
    let tokenizer = try ModelFile.bundle(bundle).tokenizer()
    let ids = tokenizer.encode(text.corpus.text)
    var conditions = [SimilarityMeter.Condition(prompt: nil, adapter: nil)]
    for adapter in adapters {
      conditions.append(
        SimilarityMeter.Condition(
          prompt: adapter.name, adapter: try Adapter(adapter, for: model.configuration)))
    }
    var meter = try SimilarityMeter(
      of: model, against: try full.model(arithmetic), conditions: conditions, ids: ids, rule: rule,
      limit: limit, bos: tokenizer.forcedBOS)
    let digest = try full.weightsDigest(in: bundle.provenance)
    results = try progress.alone(
      "similarity", unit: "block", unlessDone: "nothing was measured"
    ) { try meter.run(modelDigest: digest, progress: $0) }
    fullDigest = digest
    windows = meter.windows
    tokens = ids.count
    self.bundle = bundle
    self.adapters = adapters
    self.text = (text.name, text.corpus.digest)
    self.rule = rule
    self.arithmetic = model.arithmetic.available
  }

  /// Checks that the full model is the one that the bundle was made from, before anything is stored.
  /// - Throws: `notMet` if it is another, or that isn't known.
  package static func checkBase(_ full: ModelFile, of bundle: ModelBundle) throws(Failure) {
    let provenance = try bundle.provenance
    guard let digest = try full.weightsDigest(in: provenance), digest == provenance?.baseModel
    else {
      throw Failure(
        .notMet, file: full.path, "is not the model that \(bundle.path) was made from",
        advice: "name that model, or measure without storing")
    }
  }

  /// The perplexity of the measured windows in one condition.
  package func perplexity(_ result: SimilarityMeter.Result) -> Perplexity {
    Perplexity(
      protocolID: rule.id, sums: result.sums, tokens: tokens, windows: windows,
      prompt: result.prompt)
  }

  /// The evidence records: perplexities of the same windows, each with the comparison.
  package func records() throws(Failure) -> [EvidenceRecord] {
    var records: [EvidenceRecord] = []
    for result in results {
      let perplexity = perplexity(result)
      var object: JSONObject = [
        "protocol": .string(rule.id), "text": .string(text.name),
        "text_sha256": .string(text.digest.hex), "model": "compressed",
        "model_sha256": .string(bundle.weightsDigest.hex),
        "prompt": result.prompt.map { .string($0) } ?? .null, "ppl": .number(perplexity.value),
        "ppl_stderr": .number(perplexity.standardError),
        "nll": .number(perplexity.nll * Double(perplexity.scoredTokens)),
        "scored_tokens": JSON(perplexity.scoredTokens), "tokens": JSON(tokens),
        "windows": JSON(windows),
      ]
      if arithmetic != .float32 { object["arithmetic"] = .string(arithmetic.rawValue) }
      records.append(try EvidenceRecord(json: .object(object)).with(result.similarity))
    }
    return records
  }

  /// Stores the records in the bundle, in place.
  ///
  /// - Parameter model: the model that was measured, as it was then.
  /// - Returns: the new generation.
  /// - Throws: `busy` if the model or an adapter was replaced meanwhile.
  package func store(on model: MeasuredModel) throws(Failure) -> UInt64 {
    try AdapterLibrary.store(
      records(), validations: [], of: adapters, on: model, in: bundle.path)
  }
}
