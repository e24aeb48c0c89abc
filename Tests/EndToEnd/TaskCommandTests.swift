import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack task`, and tasks of a build.
@Suite(.serialized) struct TaskCommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  private static let task = """
    task: quiz
    dataset_path: rows.jsonl
    output_type: multiple_choice
    doc_to_text: "{{start}} the"
    doc_to_choice: "{{[a, b, c]}}"
    doc_to_target: gold

    """

  /// Rows of random words; the right choices are drawn, so that some are right and some wrong.
  private static let rows: String = (0..<12).map { index in
    var object: JSONObject = ["start": .string(TinyCheckpoint.text(words: 6, seed: UInt64(index)))]
    for (place, name) in ["a", "b", "c"].enumerated() {
      let seed = UInt64(100 + 3 * index + place)
      object[name] = .string(TinyCheckpoint.text(words: 2 + place, seed: seed))
    }
    object["gold"] = JSON(index % 3)
    return JSON.object(object).canonicalText + "\n"
  }.joined()

  init() throws {
    shop = try Workshop()
    try folder.write("quiz.yaml", Self.task)
    try folder.write("rows.jsonl", Self.rows)
  }

  @Test func aBuildMeasuresTasksAndTheCommandAgrees() throws {
    let tasks = "\ntasks: [{task: quiz.yaml, limit: 9}]\n"
    func recipe(_ gate: String) throws {
      try folder.write("small.yaml", Workshop.recipe(gate: gate) + tasks)
    }
    try recipe("{tasks: {quiz: {min_acc: 1}}}")
    let missed = try ctpack("run", "small.yaml")
    #expect(missed.status == 1)
    #expect(missed.errors.contains("quiz: min_acc is 1, found 0."), "\(missed.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("small.ctpack")))
    try recipe("{max_ratio_to_full: 100, tasks: {quiz: {max_drop: 1}}}")
    let run = try ctpack("run", "small.yaml")
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("tasks      reused"), "\(run.errors)")

    let json = try ctpack("inspect", "small.ctpack", "--json").json
    let records = (json["evidence"]?.array ?? []).filter { $0["task"] != nil }
    #expect(
      records.map { "\($0["model"]?.string ?? "") \($0["prompt"]?.string ?? "-")" } == [
        "full -", "full default", "compressed -", "compressed default",
      ])
    try #require(records.count == 4)
    for record in records {
      #expect(record["task"]?["rows_seen"]?.int == 9 && record["task"]?["rows_total"]?.int == 12)
      #expect(record["text"]?.string == "quiz" && record["protocol"]?.string == "lm-eval-0.4")
    }
    #expect(records[0]["task"]?["flips"] == nil && records[3]["task"]?["flips"] != nil)
    let page = try ctpack("inspect", "small.ctpack").output
    #expect(page.contains("Tasks (rows answered rightly)") && page.contains("9 of 12"), "\(page)")

    let card = try ctpack("provenance", "small.ctpack", "--as", "card").output
    #expect(card.contains("### Tasks") && card.contains("| lm-eval-0.4 | 0 | 9 of 12 |"), "\(card)")
    // Two metrics, without and with the prompt; no perplexity of the right answers.
    #expect(card.components(separatedBy: "(lm-eval-0.4, 0-shot, 9 of 12 rows, prompt: ").count == 5)

    // A policy judges the stored results, and the bundle can be built again.
    for (limit, status) in [("max_drop: 1", 0), ("min_acc: 1", 1)] as [(String, Int32)] {
      try folder.write("policy.yaml", "gate: {tasks: {quiz: {\(limit)}}}\n")
      let verified = try ctpack("verify", "small.ctpack", "--policy", "policy.yaml", "--json")
      #expect(verified.status == status, "\(limit): \(verified.output) \(verified.errors)")
    }
    let again = try ctpack("repro", "small.ctpack", "--recipe", "small.yaml", "--work", "again")
    #expect(again.status == 0, "\(again.output) \(again.errors)")

    // The command gives the same numbers, and the same flips.
    let limit = ["--task", "quiz.yaml", "--limit", "9", "--json"]
    for (arguments, index) in [
      (["model"], 0), (["small.ctpack", "--prompt", "none"], 2), (["small.ctpack"], 3),
    ] {
      let own = try ctpack.run(["task"] + arguments + limit)
      #expect(own.status == 0, "\(own.errors)")
      #expect(own.json["metrics"] == records[index]["task"]?["metrics"], "\(arguments)")
    }
    let against = try ctpack.run(["task", "small.ctpack", "--against", "model"] + limit)
    let stored = try #require(records[3]["task"]?["flips"]?[0])
    for key in ["metric", "p", "right_to_wrong", "wrong_to_right", "wrong_to_wrong"] {
      #expect(against.json["flips"]?[0]?[key] == stored[key], "\(key)")
    }
  }

  @Test func aTaskIsMeasuredAndItsRowsAreListed() throws {
    let all = try ctpack("task", "model", "--task", "quiz.yaml", "--out", "items.jsonl")
    #expect(all.status == 0, "\(all.errors)")
    #expect(all.output.hasPrefix("quiz: acc 0.") && all.output.contains(", acc_norm 0."))
    #expect(all.output.contains("all 12 rows"), "\(all.output)")
    let some = try ctpack("task", "model", "--task", "quiz.yaml", "--limit", "5")
    #expect(some.output.contains("the first 5 of 12 rows"), "\(some.output)")
    let items = try folder.read("items.jsonl").split(separator: UInt8(ascii: "\n"))
      .map { try JSON(parsing: Array($0)) }
    #expect(items.count == 12)
    #expect(items.map { $0["row"]?.int } == Array(1...12))
    #expect(items[4]["gold"] == [1] && items[4]["choices"]?.array?.count == 3)
    let best = try #require(items[4]["answer"]?["chosen"]?.int)
    let values = (items[4]["answer"]?["loglikelihoods"]?.array ?? []).compactMap(\.double)
    #expect(values.count == 3 && values[best] == values.max())
    let json = try ctpack("task", "model", "--task", "quiz.yaml", "--json").json
    for key in [
      "name", "protocol", "rows_seen", "rows_total", "num_fewshot", "metrics", "files", "truncated",
      "prompt", "arithmetic",
    ] {
      #expect(json[key] != nil, "\(key)")
    }
    #expect(
      json["files"]?["rows"]?["sha256"]?.string
        == SHA256Digest(hashing: Array(Self.rows.utf8)).hex)
    // Against itself nothing flips.
    let same = try ctpack("task", "model", "--task", "quiz.yaml", "--against", "model")
    #expect(
      same.output.contains(
        "0 right → wrong, 0 wrong → right, 0 wrong → another wrong; McNemar p = 1"),
      "\(same.output)")
    try folder.write("other.jsonl", Self.rows.split(separator: "\n")[0] + "\n")
    let data = try ctpack("task", "model", "--task", "quiz.yaml", "--data", "other.jsonl")
    #expect(data.output.contains("all 1 rows"), "\(data.output)")
  }

  @Test func wrongInputEndsWith65AndItsLine() throws {
    func check(_ file: String, _ place: String, _ finding: String) throws {
      let run = try ctpack("task", "model", "--task", "quiz.yaml", "--out", "items.jsonl")
      #expect(run.status == 65, "\(run.errors)")
      #expect(run.errors.contains("\(file): \(place): "), "\(run.errors)")
      #expect(run.errors.contains(finding), "\(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder.file("items.jsonl")))
    }
    try folder.write("quiz.yaml", Self.task + "doc_to_txt: x\n")
    try check("quiz.yaml", "line 7", "unknown key `doc_to_txt`")
    try folder.write("quiz.yaml", Self.task)
    let good = Self.rows.split(separator: "\n").map { String($0) }
    for (row, finding) in [
      (good[1].replacing("\"b\":", with: "\"x\":"), "the row has no field `b`"),
      (#"{"start": "s", "a": "x", "b": "", "c": "z", "gold": 0}"#, "choice 2 of 3 is empty"),
      (#"{"start": "s", "a": "x", "b": "y", "c": "z", "gold": 3}"#, "the choices are 0 to 2"),
      (#"{"start": "s", "a": "x", "b": "y" "c"}"#, "of the line"),
    ] {
      try folder.write("rows.jsonl", good[0] + "\n" + row + "\n")
      try check("rows.jsonl", "line 2", finding)
    }
    // Rows beyond the limit aren't looked at.
    let limited = try ctpack("task", "model", "--task", "quiz.yaml", "--limit", "1")
    #expect(limited.status == 65, "a line that isn't JSON is no row at all")
    try folder.write("rows.jsonl", good[0] + "\n{}\n")
    #expect(try ctpack("task", "model", "--task", "quiz.yaml", "--limit", "1").status == 0)
    #expect(try ctpack("task", "model", "--task", "none.yaml").status == 66)
    #expect(try ctpack("task", "model", "--task", "quiz.yaml", "--limit", "0").status == 64)
    // The rows aren't replaced by the answers to them.
    let replaced = try ctpack(
      "task", "model", "--task", "quiz.yaml", "--limit", "1", "--out", "./rows.jsonl")
    #expect(replaced.status == 64, "\(replaced.errors)")
    #expect(try folder.read("rows.jsonl") == Array((good[0] + "\n{}\n").utf8))
    let help = try ctpack("task", "--help")
    #expect(help.status == 0 && help.output.contains("McNemar") && help.output.contains("acc_norm"))
  }
}
