import Builds
import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import FoundationEssentials
import Models
import Numerics
import Text

/// One run of the verify stage: the finished measurements and the state of the current one.
struct VerifyRun {
  /// The state of a measurement between two windows.
  struct Progress: Codable {
    var meter = PerplexityMeter.State()
    /// The divergence over the same windows; nil if none is measured.
    var divergence: DivergenceSums?
  }

  /// One of the measurements of a text.
  struct Column {
    let name: String
    let bundle: ModelBundle
    let prompt: (name: String, adapter: Adapter)?
    /// Whether this is the full model without a prompt, which the others are compared with.
    var isBase: Bool { name == "full" && prompt == nil }
    var label: String { name + (prompt == nil ? "" : " + prompt") }
  }

  let stage: VerifyStage
  let context: StageContext
  private let tokenizer: Tokenizer
  private let full: ModelBundle
  let columns: [Column]
  private let bos: Int32?
  let hiddenSize: Int
  var records: [EvidenceRecord] = []
  /// The full model's loss per window, in nats, of each text that it is finished with.
  var base: [String: [Double]] = [:]
  var resumed: Progress?
  var windowsDone = 0
  var windowsInAll = 0
  var savedAt = ProcessUsage.clock

  init(_ stage: VerifyStage, _ context: StageContext, _ inputs: VerifyStage.Inputs) throws {
    self.stage = stage
    self.context = context
    let measured = try MeasuredModels(
      context, tokenizer: inputs.tokenizer, full: inputs.full, compressed: inputs.compressed,
      promptName: stage.promptName, prompt: inputs.prompt)
    tokenizer = measured.tokenizer
    bos = tokenizer.forcedBOS
    full = measured.full
    hiddenSize =
      try ModelConfiguration(canonical: full.configuration, file: full.path).embeddingSize
    let prompts: [(name: String, adapter: Adapter)?] = [nil] + (measured.prompt.map { [$0] } ?? [])
    columns = measured.models.flatMap { name, bundle in
      prompts.map { Column(name: name, bundle: bundle, prompt: $0) }
    }
    guard let saved = try context.partial.json("measured") else { return }
    records = try (saved["records"]?.array ?? []).map { try EvidenceRecord(json: $0) }
    for (name, sums) in saved["base"]?.object ?? [:] {
      base[name] = sums.array?.compactMap(\.double)
    }
    if let text = saved["state"]?.string {
      // A state that can't be read is measured again, as a damaged one is.
      resumed = try? JSONDecoder().decode(Progress.self, from: Data(text.utf8))
    }
  }

  /// Measures the two or four perplexities of the text of evaluation `index`, except those already
  /// measured.
  mutating func measure(_ index: Int, _ textInput: FileInput) throws {
    let (evaluation, rule) = (stage.evaluations[index], stage.rules[index])
    let ids = tokenizer.encode(try Corpus.load(path: context.path(textInput)).text)
    let windows = min(rule.windowCount(tokens: ids.count), evaluation.windows ?? .max)
    guard windows > 0 else {
      throw Failure(
        .invalidData, file: evaluation.text,
        "has \(ids.count) tokens, less than one window of \(rule.length)",
        advice: "use a longer text or a smaller `seqlen`")
    }
    windowsInAll += windows * columns.count
    discardIncomplete(index, windows: windows)
    let text = (name: evaluation.name, digest: Optional(context.digest(textInput)))
    var loaded: (name: String, model: LanguageModel)?
    for column in columns {
      if isDone(column, text.name) {
        windowsDone += windows
        continue
      }
      if loaded?.name != column.name {
        loaded = (
          column.name,
          try LanguageModel(bundle: column.bundle, arithmetic: evaluation.arithmetic)
        )
      }
      guard let model = loaded?.model else { continue }
      var progress = resumed ?? Progress()
      resumed = nil
      if evaluation.divergence, !column.isBase, progress.divergence == nil {
        progress.divergence = DivergenceSums()
      }
      var meter = try PerplexityMeter(
        model, ids: ids, rule: rule, limit: evaluation.windows, bos: bos, prompt: column.prompt,
        state: progress.meter)
      windowsDone += meter.state.windows
      try run(&meter, &progress, column, index)
      try finish(meter, progress, column, evaluation, text, model.arithmetic.available)
    }
    guard evaluation.divergence else { return }
    for window in 0..<windows { context.partial.remove(piece(index, window)) }
  }

  /// Scores all windows of one measurement and compares them with the full model's if wanted.
  private mutating func run(
    _ meter: inout PerplexityMeter, _ progress: inout Progress, _ column: Column, _ index: Int
  ) throws {
    let evaluation = stage.evaluations[index]
    let label = "\(evaluation.name), \(column.label)"
    let fullHead =
      try progress.divergence == nil
      ? nil : LanguageModel(bundle: full, arithmetic: evaluation.arithmetic).head
    while !meter.isDone {
      var scored: ScoredWindow?
      do throws(Failure) {
        let head = meter.head
        var divergence = progress.divergence
        let reference = try fullHead == nil ? nil : self.reference(index, meter.state.windows)
        try meter.step { (window) throws(Failure) in
          scored = window
          guard let fullHead, let reference else { return }
          try divergence?.add(window, head: head, base: reference, baseHead: fullHead)
        }
        progress.divergence = divergence
      } catch {
        throw error.inside(label)
      }
      if evaluation.divergence, column.isBase, let scored {
        try context.partial.save(piece(index, scored.index), scored.bytes)
      }
      progress.meter = meter.state
      windowsDone += 1
      context.report(
        windowsDone, of: max(windowsInAll, meter.windows * columns.count * stage.evaluations.count),
        "\(label): ppl \(Figure.short(meter.state.runningPerplexity))")
      try saveIfDue(progress)
    }
  }

  /// Records a finished measurement.
  private mutating func finish(
    _ meter: PerplexityMeter, _ progress: Progress, _ column: Column,
    _ evaluation: EvaluationRecipe, _ text: (name: String, digest: SHA256Digest?),
    _ arithmetic: Arithmetic
  ) throws {
    let label = "\(text.name), \(column.label)"
    let result: Perplexity
    do throws(Failure) {
      result = try meter.finished
    } catch {
      throw error.located(file: evaluation.text, at: label)
    }
    var ratio: PairedRatio?
    if column.isBase {
      base[text.name] = result.windowSums
    } else if let sums = base[text.name] {
      ratio = PairedRatio(result.windowSums, to: sums, targets: meter.rule.targetsPerWindow)
    }
    let divergence = progress.divergence?.record(to: full.weightsDigest)
    records.append(
      result.evidence(
        text: text, model: (name: column.name, digest: column.bundle.weightsDigest),
        tokenizer: column.bundle.tokenizerDigest, arithmetic: arithmetic,
        ratio: ratio?.record(to: full.weightsDigest), divergence: divergence))
    var line =
      "           \(label): ppl \(Figure.short(result.value))"
      + " ± \(Figure.short(result.standardError))"
    if let ratio { line += ", \(Figure.fixed(ratio.value, 4)) × full" }
    if let error = ratio?.standardError { line += " ± \(Figure.fixed(error, 4))" }
    if let divergence {
      line +=
        ", KL \(Figure.short(divergence.kl.mean.value)),"
        + " same top \(Figure.percent(divergence.sameTop.value))"
    }
    context.say(line)
    try save(nil)
  }

  func isDone(_ column: Column, _ text: String) -> Bool {
    records.contains {
      $0.text == text && $0.model == column.name && $0.prompt == column.prompt?.name
    }
  }
}
