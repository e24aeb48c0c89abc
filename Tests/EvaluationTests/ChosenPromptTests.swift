import Bytes
import Checkpoints
import Evaluation
import Models
import Numerics
import TestSupport
import Testing

/// Tasks whose items each get a prompt of several, against each prompt for all items.
@Suite struct ChosenPromptTests {
  /// A chooser of the first prompt for contexts of an even number of tokens, the second for others.
  private struct ByLength: PromptChooser {
    let prompts: [KeyValues]
    let layers: Int
    var longest: Int { prompts.map(\.tokens).max() ?? 0 }

    func choose(for ids: [Int32], into cache: KeyValueCache) throws(Failure) -> PromptChoice {
      let index = ids.count % 2
      let chosen = prompts[index]
      for layer in 0..<layers {
        let (k, v) = cache.rows(chosen.tokens, layer: layer)
        k.copy(from: chosen.keys(of: layer))
        v.copy(from: chosen.values(of: layer))
      }
      cache.keep(chosen.tokens)
      return PromptChoice(scores: index == 0 ? [1, 0] : [0, 1])
    }
  }

  @Test func eachItemHasItsOwnPrompt() throws {
    let model = try LanguageModel(
      source: Checkpoint.open(RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"))
    let folder = try TemporaryFolder()
    let rows = (0..<7).map { "{\"q\": \"ab\(String(repeating: "c", count: $0))\", \"gold\": 0}\n" }
    var task = TaskDescription(file: "t.yaml")
    task.name = "t"
    task.rows.path = try folder.write("rows.jsonl", rows.joined())
    task.docToText = try TaskTemplate("q")
    task.docToChoice = .fixed(["x y", "zz"])
    task.docToTarget = .template(try TaskTemplate("gold"))
    task.metrics = [.accuracy]
    let items = try TaskItems(task)
    func run(_ prompt: TaskPrompt) throws -> TaskMeasurement {
      var run = try TaskRun(items, model: model, tokenizer: ToyTokenizer.make(), prompt: prompt)
      return try run.run()
    }
    let prompts = try [[5, 9, 77], [30, 2]].map { try model.embed($0) }
    let alone = try prompts.map { try run(.one(name: "p", .prompt($0))) }
    let chooser = ByLength(
      prompts: try prompts.map { try KeyValues(of: $0, in: model) },
      layers: model.configuration.layers)
    let chosen = try run(.chosen(names: ["even", "odd"], chooser))
    #expect(chosen.prompt == "auto")
    #expect(chosen.chosenPrompts.map(\.items) == [4, 3])
    for (index, outcome) in chosen.outcomes.enumerated() {
      // "ab" and `index` letters more.
      let expected = alone[index % 2].outcomes[index]
      for (a, b) in zip(outcome.logLikelihoods, expected.logLikelihoods) {
        #expect(abs(a - b) <= 2e-5 * (1 + abs(b)))
      }
      let other = alone[1 - index % 2].outcomes[index]
      #expect(abs(outcome.logLikelihoods[0] - other.logLikelihoods[0]) > 1e-4)
    }
  }
}
