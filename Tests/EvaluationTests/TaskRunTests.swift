import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Foundation
import Models
import Numerics
import TestSupport
import Testing

/// Tasks on a tiny model, against each choice scored alone.
@Suite struct TaskRunTests {
  let model: LanguageModel
  let folder: TemporaryFolder
  let rows: [JSONObject]

  init() throws {
    let golden = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    model = try LanguageModel(source: Checkpoint.open(golden))
    folder = try TemporaryFolder()
    var random = TestRandom(fixture: 5)
    func word(_ most: Int) -> String {
      String(
        decoding: (0..<1 + Int(random.below(most))).map { _ in UInt8(97 + random.below(26)) },
        as: UTF8.self)
    }
    rows = (0..<23).map { _ in
      let choices = (0..<3).map { _ in word(6) + " " + word(4) }
      return [
        "q": .string(word(9) + " " + word(9)), "c": JSON(choices),
        "gold": JSON(Int(random.below(3))),
      ]
    }
    try folder.write(
      "rows.jsonl", rows.map { JSON.object($0).canonicalText + "\n" }.joined())
  }

  private func task(
    _ output: TaskDescription.OutputType = .multipleChoice, shots: Int = 0
  ) throws -> TaskDescription {
    var task = TaskDescription(file: "t.yaml")
    task.name = "t"
    task.rows.path = folder.file("rows.jsonl")
    task.outputType = output
    task.docToText = try TaskTemplate("Q: {{q}}\nA:")
    task.fewshot = shots
    task.metrics = TaskDescription.Metric.usual(for: output)
    switch output {
    case .multipleChoice:
      task.docToChoice = .template(try TaskTemplate("c"))
      task.docToTarget = .template(try TaskTemplate("gold"))
    case .logLikelihood: task.docToTarget = .template(try TaskTemplate("{{' ' ~ c[gold]}}"))
    case .generated:
      task.docToTarget = .template(try TaskTemplate("c"))
      task.maxTokens = 7
    }
    return task
  }

  private func run(
    _ items: TaskItems, _ prompt: TaskPrompt = .none, from outcomes: [TaskOutcome] = []
  ) throws -> TaskMeasurement {
    var run = try TaskRun(
      items, model: model, tokenizer: ToyTokenizer.make(), prompt: prompt, outcomes: outcomes)
    return try run.run()
  }

  private func adapter() throws -> Adapter {
    .prompt(try model.embed([5, 9, 77, 30]))
  }

  /// Log-likelihood of a continuation by one pass over all tokens.
  private func alone(
    _ context: String, _ continuation: String, _ scorer: Scorer
  ) throws -> Double {
    let before = ToyTokenizer.ids(context)
    let ids = ToyTokenizer.ids(context + continuation)
    let losses = try scorer.nll([ids])[0]
    return -losses[(before.count - 1)...].reduce(0) { $0 + Double($1) }
  }

  /// A record names the products' arithmetic unless it is the usual one, as records of texts do.
  @Test(arguments: [Arithmetic.float32, .bfloat16])
  func evidenceNamesItsArithmetic(_ arithmetic: Arithmetic) throws {
    let result = try run(TaskItems(task(), limit: 2))
    let record = try result.evidence(model: ("full", nil), arithmetic: arithmetic)
    #expect(record.basis.arithmetic == arithmetic.rawValue)
    #expect(record.json["arithmetic"]?.string == (arithmetic == .float32 ? nil : "bfloat16"))
  }

  @Test(arguments: [false, true]) func choicesAreJudgedByTheirLikelihoods(_ prompted: Bool) throws {
    let items = try TaskItems(task())
    let adapter = prompted ? try adapter() : nil
    let result = try run(items, adapter.map { .one(name: "p", $0) } ?? .none)
    let scorer = try Scorer(model, adapter: adapter)
    var (right, normalized) = (0, 0)
    for (index, row) in rows.enumerated() {
      let question = "Q: \(row["q"]?.string ?? "")\nA:"
      let choices = (row["c"]?.array ?? []).compactMap(\.string)
      let gold = try #require(row["gold"]?.int)
      let expected = try choices.map { try alone(question, " " + $0, scorer) }
      let outcome = result.outcomes[index]
      #expect(outcome.row == index + 1)
      for (a, b) in zip(outcome.logLikelihoods, expected) {
        #expect(abs(a - b) <= 2e-5 * (1 + abs(b)))
      }
      // The random choices' likelihoods differ by far more than the rounding.
      let best = try #require(expected.indices.max { expected[$0] < expected[$1] })
      let perCharacter = zip(expected, choices).map { $0 / Double($1.count) }
      let bestNormalized = try #require(
        perCharacter.indices.max { perCharacter[$0] < perCharacter[$1] })
      #expect(outcome.chosen == best && outcome.chosenNormalized == bestNormalized)
      if best == gold { right += 1 }
      if bestNormalized == gold { normalized += 1 }
      #expect(outcome.right.contains(.accuracy) == (best == gold))
    }
    #expect(right > 0 && right < 23, "the rows should be neither all right nor all wrong")
    let p = Double(right) / 23
    #expect(result.estimate(.accuracy).value == p)
    #expect(
      abs(result.estimate(.accuracy).standardError - (p * (1 - p) / 22).squareRoot()) < 1e-15)
    #expect(result.estimate(.normalizedAccuracy).value == Double(normalized) / 23)
    #expect(result.prompt == (prompted ? "p" : nil))
  }

  @Test func examplesComeBeforeTheQuestionWithoutItsOwn() throws {
    let items = try TaskItems(task(shots: 2), limit: 3)
    func shot(_ index: Int) throws -> String {
      let row = rows[index]
      let gold = try #require(row["gold"]?.int)
      return "Q: \(row["q"]?.string ?? "")\nA: \(row["c"]?[gold]?.string ?? "")\n\n"
    }
    func question(_ index: Int) -> String { "Q: \(rows[index]["q"]?.string ?? "")\nA:" }
    #expect(items.items[0].pairs[0].context == (try shot(1)) + (try shot(2)) + question(0))
    #expect(items.items[1].pairs[0].context == (try shot(0)) + (try shot(2)) + question(1))
    #expect(items.items[2].pairs[0].context == (try shot(0)) + (try shot(1)) + question(2))
    // Shared examples don't change the numbers.
    let scorer = try Scorer(model)
    for (item, outcome) in zip(items.items, try run(items).outcomes) {
      for (pair, found) in zip(item.pairs, outcome.logLikelihoods) {
        let expected = try alone(pair.context, pair.continuation, scorer)
        #expect(abs(found - expected) <= 2e-5 * (1 + abs(expected)))
      }
    }
  }

  @Test func aLimitIsTheFirstRowsAndSaysSo() throws {
    let all = try run(TaskItems(task()))
    let some = try run(TaskItems(task(), limit: 5))
    #expect(some.seen == 5 && some.total == 23 && all.seen == 23)
    #expect(some.outcomes.map(\.chosen) == all.outcomes.prefix(5).map(\.chosen))
    #expect(some.record().seen == 5 && some.record().total == 23)
    #expect(try TaskItems(task(), limit: 99).items.count == 23)
  }

  @Test func aResumedRunEndsWithTheSameAnswers() throws {
    let items = try TaskItems(task(.generated))
    let whole = try run(items)
    // As a build keeps them: through JSON.
    let kept = try whole.outcomes.prefix(9).map { try TaskOutcome(json: $0.json) }
    #expect(try run(items, from: kept).outcomes == whole.outcomes)
    let choices = try TaskItems(task())
    let answered = try run(choices)
    let half = try answered.outcomes.prefix(11).map { try TaskOutcome(json: $0.json) }
    #expect(half == Array(answered.outcomes.prefix(11)))
    #expect(try run(choices, from: half).outcomes.map(\.chosen) == answered.outcomes.map(\.chosen))
    #expect(throws: Failure.self) { try run(choices, from: Array(answered.outcomes.suffix(3))) }
  }

  @Test func oneContinuationIsRightIfEachTokenIsTheLikeliest() throws {
    // The model's own two likeliest letters after a question are right, another last one is wrong.
    let question = "Q: abc\nA:"
    var settings = GenerationSettings()
    (settings.maxTokens, settings.cache) = (2, .float32)
    let best = try model.generate([ToyTokenizer.ids(question)], settings: settings).tokens[0]
    var text = TaskDescription(file: "t.yaml")
    text.name = "l"
    text.outputType = .logLikelihood
    text.metrics = [.accuracy, .perplexity]
    text.docToText = try TaskTemplate("{{q}}")
    text.docToTarget = .template(try TaskTemplate("{{a}}"))
    // Ids are texts of this tokenizer only: each stands for one code point of a private area.
    let tokenizer = TaskTokenizer(
      encode: { text, _ in
        text.unicodeScalars.map { Int32($0.value) - 0xE000 }.map { $0 < 0 ? 3 : $0 }
      },
      decode: { _ in "" }, prefix: nil, prefixText: nil, end: nil)
    func letter(_ id: Int32) throws -> String {
      String(Character(try #require(Unicode.Scalar(UInt32(id) + 0xE000))))
    }
    let context = try ToyTokenizer.ids(question).map(letter).joined()
    let right = try best.map(letter).joined()
    let wrong = try letter(best[0]) + letter((best[1] + 1) % 131)
    text.rows.path = try folder.write(
      "words.jsonl",
      [right, wrong].map {
        JSON.object(["q": .string(context), "a": .string($0)]).canonicalText + "\n"
      }.joined())
    var run = try TaskRun(TaskItems(text), model: model, tokenizer: tokenizer)
    let result = try run.run()
    #expect(result.outcomes.map(\.isGreedy) == [true, false])
    #expect(result.estimate(.accuracy).value == 0.5)
    let mean = -result.outcomes.reduce(0) { $0 + $1.answer.logLikelihood } / 2
    #expect(abs(result.estimate(.perplexity).value / exp(mean) - 1) < 1e-12)
  }

  @Test func generatedTextsEndAndAreCompared() throws {
    var task = try task(.generated)
    let plain = try run(TaskItems(task, limit: 1)).outcomes[0]
    let text = try #require(plain.generated)
    #expect(text.unicodeScalars.count >= 2, "the model should generate something: \(text)")
    // A text that the model generates ends the answer before itself.
    let end = String(text.suffix(1))
    task.until = [end]
    let cut = try run(TaskItems(task, limit: 1)).outcomes[0].generated
    #expect(cut == String(text.prefix { String($0) != end }))
    #expect(plain.right.isEmpty)
    task.until = []
    task.docToTarget = .template(try TaskTemplate(text.uppercased() + "!"))
    #expect(try run(TaskItems(task, limit: 1)).outcomes[0].right.isEmpty)
    task.comparison.ignoresCase = true
    task.comparison.ignoresPunctuation = true
    #expect(try run(TaskItems(task, limit: 1)).outcomes[0].right == [.exactMatch])
  }
}
