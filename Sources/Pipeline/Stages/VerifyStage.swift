import Builds
import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import FoundationEssentials
import Models
import Numerics
import Text

/// The stage that measures the perplexities of each evaluation text over the same tokens: of the
/// full model and of the compressed model, each without and with the prompt.
struct VerifyStage: Stage {
  let evaluations: [EvaluationRecipe]
  let rules: [PerplexityProtocol]
  /// The prompt's name; nil without a prompt, which leaves two numbers per text.
  let promptName: String?
  let work: Double

  static let name = "verify"
  /// The measurements, a JSON array of `EvidenceRecord`.
  static let evidence = StageOutput("evidence", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 2 }
  var parameters: JSON {
    .object([
      "evaluations": .array(
        zip(evaluations, rules).map { evaluation, rule in
          [
            "name": .string(evaluation.name), "protocol": .string(rule.id),
            "windows": evaluation.windows.map { JSON($0) } ?? .null,
            "arithmetic": .string(evaluation.arithmetic.available.rawValue),
          ]
        }), "prompt": promptName.map { .string($0) } ?? .null,
    ])
  }
  struct Inputs {
    let tokenizer: FileInput
    let full: FileInput
    let compressed: FileInput
    /// The prompt's files; nil without a prompt.
    let prompt: PromptOutputs.Inputs?
    /// The texts, one per evaluation.
    let texts: [FileInput]
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      tokenizer: list.output(ImportStage.tokenizer),
      full: list.output(ImportStage.model, as: "full"),
      compressed: list.output(CompressStage.model),
      prompt: promptName == nil ? nil : PromptOutputs.declare(in: &list),
      texts: evaluations.map { list.file($0.text, as: "text \($0.name)") })
  }
  var outputs: [StageOutput] { [Self.evidence] }
  var usesKernels: Bool { true }
  var pace: Double { 0.35 }
  var needs: StageNeeds { StageNeeds(memory: 512 << 20) }
  var unit: String { "window" }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    var run = try VerifyRun(self, context, inputs)
    for (index, text) in inputs.texts.enumerated() {
      try run.measure(evaluations[index], rules[index], text)
    }
    let records = run.records
    return StageResult(
      outputs: [Self.evidence: .bytes(JSON.array(records.map(\.json)).canonicalBytes)],
      summary: .array(
        records.map {
          [
            "text": .string($0.text), "model": .string($0.model),
            "prompt": $0.prompt.map { .string($0) } ?? .null, "ppl": .number($0.ppl),
          ]
        }))
  }
}

/// One run of the stage: the finished measurements and the state of the current one.
private struct VerifyRun {
  let stage: VerifyStage
  let context: StageContext
  private let tokenizer: Tokenizer
  private let models: [(name: String, bundle: ModelBundle)]
  private let prompt: (name: String, adapter: Adapter)?
  private let bos: Int32?
  private(set) var records: [EvidenceRecord] = []
  private var resumed: PerplexityMeter.State?
  private var windowsDone = 0
  private var windowsInAll = 0
  private var savedAt = ProcessUsage.clock

  init(_ stage: VerifyStage, _ context: StageContext, _ inputs: VerifyStage.Inputs) throws {
    self.stage = stage
    self.context = context
    tokenizer = try Tokenizer(json: MappedFile(path: context.path(inputs.tokenizer)).bytes)
    bos = tokenizer.forcedBOS
    let full = try ModelBundle(path: context.path(inputs.full))
    models = [
      (name: "full", bundle: full),
      (name: "compressed", bundle: try ModelBundle(path: context.path(inputs.compressed))),
    ]
    if let name = stage.promptName, let files = inputs.prompt {
      let configuration = try ModelConfiguration(canonical: full.configuration, file: full.path)
      prompt = (name, try LearnedPrompt(context, files).adapter(for: configuration))
    } else {
      prompt = nil
    }
    guard let saved = try context.partial.json("measured") else { return }
    records = try (saved["records"]?.array ?? []).map { try EvidenceRecord(json: $0) }
    if let text = saved["state"]?.string {
      // A state that can't be read is measured again, as a damaged one is.
      resumed = try? JSONDecoder().decode(PerplexityMeter.State.self, from: Data(text.utf8))
    }
  }

  /// Measures the two or four perplexities of one text, except those already measured.
  mutating func measure(
    _ evaluation: EvaluationRecipe, _ rule: PerplexityProtocol, _ textInput: FileInput
  ) throws {
    let ids = tokenizer.encode(try Corpus.load(path: context.path(textInput)).text)
    let windows = min(rule.windowCount(tokens: ids.count), evaluation.windows ?? .max)
    guard windows > 0 else {
      throw Failure(
        .invalidData, file: evaluation.text,
        "has \(ids.count) tokens, less than one window of \(rule.length)",
        advice: "use a longer text or a smaller `seqlen`")
    }
    let prompts: [(name: String, adapter: Adapter)?] = prompt == nil ? [nil] : [nil, prompt]
    windowsInAll += windows * models.count * prompts.count
    let text = (name: evaluation.name, digest: Optional(context.digest(textInput)))
    for (name, bundle) in models {
      let model = try LanguageModel(bundle: bundle, arithmetic: evaluation.arithmetic)
      for prompt in prompts {
        let isDone = records.contains {
          $0.text == text.name && $0.model == name && $0.prompt == prompt?.name
        }
        if isDone {
          windowsDone += windows
          continue
        }
        var meter = try PerplexityMeter(
          model, ids: ids, rule: rule, limit: evaluation.windows, bos: bos, prompt: prompt,
          state: resumed ?? PerplexityMeter.State())
        resumed = nil
        windowsDone += meter.state.windows
        let label = "\(text.name), \(name)\(prompt == nil ? "" : " + prompt")"
        while !meter.isDone {
          do throws(Failure) {
            try meter.step()
          } catch {
            throw error.inside(label)
          }
          windowsDone += 1
          context.report(
            windowsDone, of: max(windowsInAll, total(windows * prompts.count * models.count)),
            "\(label): ppl \(Figure.short(meter.state.runningPerplexity))")
          try saveIfDue(meter.state)
        }
        let result: Perplexity
        do throws(Failure) {
          result = try meter.finished
        } catch {
          throw error.located(file: evaluation.text, at: label)
        }
        records.append(
          result.evidence(
            text: text, model: (name: name, digest: bundle.weightsDigest),
            arithmetic: model.arithmetic.available))
        context.say(
          "           \(label): ppl \(Figure.short(result.value))"
            + " ± \(Figure.short(result.standardError))"
        )
        try save(nil)
      }
    }
  }

  /// Returns the number of windows of all texts, assuming that the others are as long as this one.
  private func total(_ windowsOfOne: Int) -> Int { windowsOfOne * stage.evaluations.count }

  /// Saves the state every two seconds or before a stop, then marks a safe point.
  private mutating func saveIfDue(_ state: PerplexityMeter.State) throws {
    if context.isStopping || ProcessUsage.clock - savedAt >= 2 { try save(state) }
    try context.checkStop()
  }

  /// Saves the finished measurements and the state of the current one.
  private mutating func save(_ state: PerplexityMeter.State?) throws {
    var object: JSONObject = ["records": .array(records.map(\.json))]
    if let state {
      object["state"] = .string(String(decoding: try JSONEncoder().encode(state), as: UTF8.self))
    }
    try context.partial.save("measured", .object(object))
    try context.partial.mark(windowsDone, of: max(windowsInAll, windowsDone), unit: stage.unit)
    savedAt = ProcessUsage.clock
  }
}
