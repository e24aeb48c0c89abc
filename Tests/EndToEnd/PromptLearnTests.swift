import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack prompt learn` on a finished bundle of a tiny model.
@Suite(.serialized) struct PromptLearnTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }
  /// The fields of the `prompt` section of `Workshop.recipe`.
  static let fields = [
    "text": "train.txt", "validation.text": "dev.txt", "steps": "12", "tokens": "4", "batch": "2",
    "length": "16", "warmup": "2", "validation.windows": "4", "validation.every": "4",
  ]

  /// `fields` as options of `prompt learn`, with changes; fields that are changed to "" are left out.
  private func options(_ changes: [String: String] = [:]) -> [String] {
    Self.fields.merging(changes) { $1 }.sorted { $0.key < $1.key }.flatMap { field, value in
      switch field {
      case _ where value.isEmpty: return [String]()
      case "text": return ["--text", value]
      case "validation.text": return ["--validation", value]
      case "steps": return ["--steps", value]
      default: return ["--set", "\(field)=\(value)"]
      }
    }
  }

  /// Builds `built.ctpack`, with a prompt, and `bare.ctpack`, the same weights without one.
  init() throws {
    shop = try Workshop()
    try folder.write(
      "built.yaml", Workshop.recipe().replacing("  tokens: 4", with: "  name: own\n  tokens: 4"))
    try folder.write(
      "bare.yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 8, length: 32}
      compression: {bits: 3, group_size: 16}
      """)
    for name in ["built", "bare"] {
      let run = try ctpack("run", "\(name).yaml", "--work", "work", "--out", "\(name).ctpack")
      #expect(run.status == 0, "\(run.errors)")
    }
  }

  private func learn(_ bundle: String, _ more: [String]) throws -> Program.Result {
    try ctpack.run(["prompt", "learn", bundle] + options() + more)
  }

  private func prompt(_ name: String, of bundle: String) throws -> StoredAdapter {
    try #require(try ModelBundle(path: folder.file(bundle)).adapter(named: name))
  }

  /// `prompt learn` with a build's weights, texts and settings gives the build's prompt, bit for bit, with
  /// equal keys and values, routing key and records.
  @Test func aBuildLearnsTheSamePrompt() throws {
    let weights = try ModelBundle(path: folder.file("bare.ctpack")).weightsDigest
    let learned = try learn("bare.ctpack", ["--as", "own", "--json"])
    #expect(learned.status == 0, "\(learned.errors)")
    #expect(learned.json["prompt"]?.string == "own" && learned.json["generation"]?.int == 2)
    let (new, built) = (
      try prompt("own", of: "bare.ctpack"), try prompt("own", of: "built.ctpack")
    )
    #expect(new.values == built.values && new.shape == built.shape)
    #expect(new.binding == built.binding && new.objective == built.objective)
    #expect(new.training["curve"] == built.training["curve"])
    #expect(new.training["settings"] == built.training["settings"])
    #expect(!new.unvalidated && new.validatedOn.isEmpty)
    #expect(new.trainingData == built.trainingData)
    #expect(
      new.trainingData.map { "\($0.role) \($0.name)" } == [
        "training train.txt", "validation dev.txt",
      ])
    #expect(
      new.trainingData.map(\.sha256.hex) == [
        try shop.digest("train.txt"), try shop.digest("dev.txt"),
      ])
    let page = try ctpack("inspect", "bare.ctpack")
    #expect(page.output.contains("learned on these weights from train.txt"), "\(page.output)")
    #expect(
      learned.json["learned"]?["validation_ppl"]?.double
        == new.training["best_validation_ppl"]?.double)
    let a = try ModelBundle(path: folder.file("bare.ctpack"))
    let b = try ModelBundle(path: folder.file("built.ctpack"))
    #expect(a.weightsDigest == weights)
    #expect(try a.keyValues(of: "own")?.values.array == b.keyValues(of: "own")?.values.array)
    #expect(try a.routingKey(of: "own") == b.routingKey(of: "own"))
    #expect(try ctpack("inspect", "bare.ctpack", "--verify", "full").status == 0)
  }

  /// Learning that is interrupted many times, while the bundle gets another prompt, gives the same prompt.
  @Test func learningResumes() throws {
    func command(_ bundle: String) -> [String] {
      ["prompt", "learn", bundle, "--as", "long"] + options(["steps": "300", "patience": "90"])
    }
    try Data(folder.read("bare.ctpack")).write(to: URL(fileURLWithPath: folder.file("one.ctpack")))
    #expect(try ctpack.run(command("one.ctpack")).status == 0)
    var stops = 0
    var hasMoved = false
    for attempt in 1...40 {
      let running = try Program.Running(command("bare.ctpack"), in: folder)
      usleep(UInt32(40_000 * (1 + attempt % 6)))
      running.send(attempt % 2 == 0 ? SIGKILL : SIGINT)
      if running.wait().status == 0 { break }
      stops += 1
      // On a slow machine the first stops may come before the stage has begun.
      if !hasMoved,
        FileManager.default.fileExists(atPath: folder.file("bare.long.work/latest.json"))
      {
        hasMoved = true
        let moved = try ctpack(
          "transfer", "built.ctpack", "bare.ctpack", "--as", "beside", "--allow-unvalidated")
        #expect(moved.status == 0, "\(moved.errors)")
        let explained = try ctpack.run(command("bare.ctpack") + ["--explain"])
        #expect(explained.output.contains("began but did not finish"), "\(explained.output)")
      }
    }
    #expect(stops > 0 && hasMoved, "nothing was stopped midway, so the test shows nothing")
    let last = try ctpack.run(command("bare.ctpack"))
    // A run that was killed right after its last write has already added the prompt.
    #expect(last.status == 0 || last.errors.contains("already has a prompt"), "\(last.errors)")
    #expect(
      try prompt("long", of: "bare.ctpack").values == prompt("long", of: "one.ctpack").values)
    #expect(try ctpack("inspect", "bare.ctpack", "--verify", "full").status == 0)
  }

  /// Other kinds and objectives, set by `--set FIELD=VALUE`.
  @Test func everyFieldOfARecipeCanBeSet() throws {
    let changes: [(name: String, fields: [String: String])] = [
      ("prefix", ["kind": "prefix"]), ("short", ["tokens": "2", "init_text": "the quick"]),
      ("next", ["init_from.bundle": "built.ctpack", "init_from.prompt": "own"]),
      ("lora", ["kind": "lora", "tokens": "", "targets": "[q, up]", "rank": "2"]),
    ]
    for (name, fields) in changes {
      let result = try ctpack.run(
        ["prompt", "learn", "bare.ctpack", "--as", name] + options(fields))
      #expect(result.status == 0, "\(name): \(result.errors)")
    }
    let hard = try ctpack(
      "prompt", "learn", "bare.ctpack", "--as", "said", "--set", "kind=hard", "--set",
      "hard_text=the rain in spain")
    #expect(hard.status == 0, "\(hard.errors)")
    let taught = try learn(
      "bare.ctpack", ["--as", "taught", "--set", "objective=kl", "--teacher", "model"])
    #expect(taught.status == 0, "\(taught.errors)")
    let asked = try learn(
      "bare.ctpack",
      [
        "--as", "asked", "--set", "objective=mix", "--set", "teacher_top=0", "--teacher",
        "built.ctpack",
      ])
    #expect(asked.status == 0, "\(asked.errors)")
    let kinds = try ModelBundle(path: folder.file("bare.ctpack")).adapters.map {
      "\($0.name) \($0.shape.kind.rawValue) \($0.tokens) \($0.objective)"
    }
    #expect(
      kinds.sorted() == [
        "asked soft 4 mix", "lora lora 0 cross-entropy", "next soft 4 cross-entropy",
        "prefix prefix 4 cross-entropy",
        "said hard \(try prompt("said", of: "bare.ctpack").tokens) none",
        "short soft 2 cross-entropy", "taught soft 4 kl",
      ])
    #expect(try ctpack("inspect", "bare.ctpack", "--verify", "full").status == 0)
  }

  @Test func mistakesAreRefusedBeforeLearning() throws {
    let before = try folder.read("built.ctpack")
    let refusals: [([String], Int32, String)] = [
      (["--as", "own"], 64, "give the new one another name with --as"),
      (["--as", "auto"], 64, "can't name a prompt"),
      (["--as", "x", "--set", "objective=kl"], 64, "--teacher"),
      (["--as", "x", "--teacher", "model"], 64, "needs no teacher"),
      (["--as", "x", "--set", "tokns=3"], 64, "did you mean `tokens`"),
      (["--as", "x", "--set", "tokens=5"], 64, "tokens: is given twice"),
      (["--as", "x", "--set", "targets=[q"], 64, "targets"),
      (["--as", "x", "--set", "rank=4"], 64, "belongs to prompts of the kind `lora`"),
      (["--as", "x", "--set", "rank"], 64, "FIELD=VALUE"),
      (["--as", "x", "--set", "init_from.bundle=gone.ctpack"], 66, "gone.ctpack does not exist"),
    ]
    for (options, status, words) in refusals {
      let result = try learn("built.ctpack", options)
      #expect(result.status == status, "\(options): \(result.errors)")
      #expect(result.errors.contains(words), "\(options): \(result.errors)")
    }
    var wide = TinyCheckpoint()
    wide.seed = 5
    wide.layers += 1
    try wide.write(to: folder, "deeper")
    let other = try learn(
      "built.ctpack", ["--as", "x", "--set", "objective=kl", "--teacher", "deeper"])
    #expect(
      other.status == 64 && other.errors.contains("doesn't match the bundle's model"),
      "\(other.errors)")
    wide.layers -= 1
    try wide.write(to: folder, "stranger")
    let recipe = try String(decoding: folder.read("bare.yaml"), as: UTF8.self)
    try folder.write("stranger.yaml", recipe.replacing("model: model", with: "model: stranger"))
    #expect(
      try ctpack("run", "stranger.yaml", "--work", "w2", "--out", "stranger.ctpack").status == 0)
    let stranger = try learn(
      "built.ctpack", ["--as", "x", "--set", "objective=kl", "--teacher", "stranger.ctpack"])
    #expect(stranger.status == 1 && stranger.errors.contains("base model"), "\(stranger.errors)")
    #expect(try ctpack("prompt", "learn", "built.ctpack", "--as", "x").status == 64)
    let missing = try learn("none.ctpack", ["--as", "x"])
    #expect(missing.status == 66, "\(missing.errors)")
    #expect(try folder.read("built.ctpack") == before)
  }
}
