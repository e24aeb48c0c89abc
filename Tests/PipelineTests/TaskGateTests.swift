import BundleFormat
import Bytes
import Pipeline
import TestSupport
import Testing

/// Limits on tasks: what they judge, and how recipes spell them.
@Suite struct TaskGateTests {
  /// A measurement of 100 rows; `lost` and `gained` are flips from the full model.
  private func record(
    _ model: String, _ prompt: String?, _ accuracy: Double, lost: Int = 0, gained: Int = 0
  ) -> EvidenceRecord {
    func items(_ rows: Range<Int>) -> [TaskFlipsRecord.Item] {
      rows.map { .init(row: $0 + 1, from: 0, to: 1) }
    }
    let flips = TaskFlipsRecord(
      metric: "acc", against: "full", pValue: 1, rightToWrong: items(0..<lost),
      wrongToRight: items(lost..<lost + gained), wrongToWrong: [])
    let task = TaskRecord(
      name: "t", shots: 0, seen: 100, total: 200, truncated: 0,
      metrics: [
        ("perplexity", .init(value: 9, standardError: 1)),
        ("acc", .init(value: accuracy, standardError: 0.05)),
      ],
      files: [], flips: model == "full" && prompt == nil ? [] : [flips])
    return EvidenceRecord(
      protocol: "lm-eval-0.4", text: "t", textDigest: nil, model: model, prompt: prompt, ppl: 2,
      pplStandardError: 0, nll: 1, scoredTokens: 1, tokens: 1, windows: 100, task: task)
  }

  private func misses(_ limits: TaskLimits, _ records: [EvidenceRecord]) -> [String] {
    limits.checks(records, task: "t").compactMap(\.miss)
  }

  @Test func theDropIsFromTheFullModelWithoutAPrompt() {
    let records = [
      record("full", nil, 0.7), record("full", "p", 0.9), record("compressed", nil, 0.5),
      record("compressed", "p", 0.68),
    ]
    #expect(misses(TaskLimits(maxDrop: 0.02), records).isEmpty)
    #expect(
      misses(TaskLimits(maxDrop: 0.01), records) == [
        "max_drop is 0.01, found 0.02, 0.01 too high"
      ])
    // Without a prompt the compressed model is the artifact.
    #expect(misses(TaskLimits(maxDrop: 0.1), Array(records[..<3])).count == 1)
    #expect(
      misses(TaskLimits(maxDrop: 0), [record("full", nil, 0.7), record("compressed", nil, 0.8)])
        .isEmpty)
  }

  @Test func theMarginIsInStandardErrorsOfThePairs() {
    // 12 lost, 2 gained of 100: √((14 − 1) / 99 / 100) = 0.03624.
    let records = [record("full", nil, 0.7), record("compressed", nil, 0.6, lost: 12, gained: 2)]
    #expect(misses(TaskLimits(maxDrop: 0.05), records).count == 1)
    #expect(misses(TaskLimits(maxDrop: 0.05, margin: 1.3), records).count == 1)
    #expect(misses(TaskLimits(maxDrop: 0.05, margin: 1.4), records).isEmpty)
  }

  @Test func theLeastAccuracyIsTheArtifacts() {
    let records = [record("full", nil, 0.7), record("compressed", nil, 0.5)]
    #expect(misses(TaskLimits(minAccuracy: 0.5), records).isEmpty)
    #expect(
      misses(TaskLimits(minAccuracy: 0.6), records) == ["min_acc is 0.6, found 0.5, 0.1 too low"])
    // Two standard errors of 0.05.
    #expect(misses(TaskLimits(minAccuracy: 0.6, margin: 2), records).isEmpty)
  }

  @Test func aMissingNumberIsNotMet() {
    #expect(misses(TaskLimits(maxDrop: 0.1, minAccuracy: 0.1), []).count == 2)
    #expect(
      misses(TaskLimits(maxDrop: 0.1), [record("compressed", nil, 0.5)]) == [
        "max_drop can't be judged: the number is missing"
      ])
  }

  /// A task doesn't stand in for a text of the same name.
  @Test func perplexitiesOfTasksAreNoTexts() {
    #expect(FourNumbers([record("full", nil, 0.7)], text: "t").full == nil)
  }

  @Test func recipesNameTasksAndTheirLimits() throws {
    let folder = try TemporaryFolder()
    for file in ["train.txt", "model/config.json"] { try folder.write(file, "x") }
    try folder.write("rows.jsonl", "{}\n")
    try folder.write(
      "t.yaml",
      """
      task: quiz
      dataset_path: rows.jsonl
      output_type: loglikelihood
      doc_to_text: q
      doc_to_target: a
      """)
    let start = "model: model\ncalibration: {text: train.txt}\n"
    func read(_ yaml: String) throws -> Recipe {
      try Recipe(yaml: start + yaml, path: folder.file("r.yaml"))
    }
    let recipe = try read(
      "tasks: [{task: t.yaml, limit: 500}]\ngate: {tasks: {quiz: {max_drop: 0.02, margin: 1}}}\n")
    #expect(recipe.tasks.map(\.name) == ["quiz"] && recipe.tasks[0].limit == 500)
    #expect(recipe.gate.tasks == ["quiz": TaskLimits(maxDrop: 0.02, margin: 1)])
    #expect(recipe.texts.map(\.role) == ["calibration", "task quiz", "task quiz rows"])
    #expect(recipe.texts.last?.path == folder.file("rows.jsonl"))
    #expect(recipe.canonical(files: [:])["tasks"]?[0]?["limit"] == 500)
    #expect(try read("").canonical(files: [:])["tasks"] == nil)
    for (yaml, finding) in [
      ("tasks: [{task: t.yaml}]\ngate: {tasks: {quid: {max_drop: 0}}}\n", "unknown key `quid`"),
      ("tasks: [{task: t.yaml}]\ngate: {tasks: {quiz: {max_ppl: 3}}}\n", "unknown key `max_ppl`"),
      ("tasks: [{task: t.yaml}, {task: t.yaml, limit: 1}]\n", "two tasks are called `quiz`"),
      ("tasks: [{task: none.yaml}]\n", "none.yaml"), ("tasks: [{limit: 3}]\n", "task: is missing"),
      ("tasks: [{task: t.yaml, limit: 0}]\n", "0 lies outside"),
      ("tasks: [{task: t.yaml}]\ngate: {max_ppl: 3}\n", "there is no evaluation"),
    ] {
      let failure = #expect(throws: Failure.self, "\(yaml)") { try read(yaml) }
      #expect(failure?.description.contains(finding) == true, "\(failure as Any)")
    }
  }
}
