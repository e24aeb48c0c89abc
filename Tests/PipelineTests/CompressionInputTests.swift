import Builds
import Bytes
import Foundation
import Pipeline
import Synchronization
import TestSupport
import Testing

/// Compression settings that don't fit the model or the text are reported before work begins.
@Suite struct CompressionInputTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    // Rows of 24 columns, and of 40 in the feed-forward's second matrix.
    try TinyCheckpoint().write(to: folder)
    try folder.write("train.txt", TinyCheckpoint.text(words: 300, seed: 1))
    try folder.write("short.txt", "the cat in the rain")
  }

  private func recipe(
    _ compression: String, text: String = "train.txt", windows: Int = 8
  ) throws -> Recipe {
    try folder.write(
      "small.yaml",
      """
      model: model
      calibration: {text: \(text), windows: \(windows), length: 32}
      compression: {\(compression)}
      """)
    return try Recipe(path: folder.file("small.yaml"))
  }

  @Test(arguments: [
    ("group_size: 30", "self_attn.q_proj.weight: a group of 30 columns is wider than a row of 24"),
    ("group_size: 41", "a group of 41 columns is wider than a row of 24"),
    (
      "group_size: 8, rules: [{match: \"*.down_proj\", group_size: 41}]",
      "down_proj.weight: a group of 41 columns is wider than a row of 40"
    ),
    ("group_size: 8, sparsity: \"2:32\"", "2:32 needs 32 columns, a row has 24"),
    (
      "group_size: 8, rules: [{match: \"*.dwn_proj\"}]",
      "the rule for `*.dwn_proj` matches no layer"
    ),
    (
      "group_size: 8, rules: [{match: \"model.layers.3.*\", bits: 3}]",
      "the rule for `model.layers.3.*` matches no layer"
    ),
  ])
  func settingsThatFitNoLayerAreRefusedByThePlan(compression: String, expected: String) throws {
    let recipe = try recipe(compression)
    let failure = #expect(throws: Failure.self) { try BuildPlan(recipe) }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.file == folder.file("small.yaml") && failure?.place == "line 3")
    #expect(failure?.description.contains(expected) == true, "\(failure?.description ?? "")")
  }

  /// Groups and patterns as wide as a row are allowed.
  @Test func theWidestGroupsPass() throws {
    _ = try BuildPlan(try recipe("group_size: 24, sparsity: \"2:24\""))
  }

  @Test(arguments: ["4:2", "4:4", "0:4", "2:33", "1.5"])
  func impossibleSparsitiesAreRefusedByTheRecipe(sparsity: String) throws {
    let failure = #expect(throws: Failure.self) { try recipe("sparsity: \"\(sparsity)\"") }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.description.contains("compression.sparsity") == true)
  }

  @Test(arguments: [1, 8]) func tooShortATextIsRefusedByThePlan(windows: Int) throws {
    let recipe = try recipe("group_size: 8", text: "short.txt", windows: windows)
    let failure = #expect(throws: Failure.self) { try BuildPlan(recipe) }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.file == folder.file("small.yaml") && failure?.place == "line 2")
    let finding = failure?.description ?? ""
    #expect(finding.contains("short.txt: has 13 tokens: 0 windows of 32"), "\(finding)")
    #expect(finding.contains("longer text"), "\(finding)")
  }

  /// A long file with too little text isn't tokenized for the plan, but fails before compression.
  @Test func aLongFileWithLittleTextFailsBeforeCompression() throws {
    let padding = String(repeating: "x", count: 1 << 14)
    try folder.write("padded.jsonl", "{\"text\": \"the cat in the rain\", \"url\": \"\(padding)\"}")
    let recipe = try recipe("group_size: 8", text: "padded.jsonl")
    let store = try Store(folder: folder.file("work"), create: true)
    let build = try Build(
      stages: try BuildPlan(recipe).stages, store: store, kernels: "plain",
      progress: BuildProgress(style: .quiet))
    let failure = #expect(throws: Failure.self) { try build.run(until: "compress") }
    #expect(failure?.kind == .invalidData && failure?.file == folder.file("padded.jsonl"))
    let finding = failure?.description ?? ""
    #expect(finding.contains("0 windows of 32"), "\(finding)")
    #expect(failure?.advice?.contains("longer text") == true)
    let ledger = try String(contentsOfFile: folder.file("work/ledger.jsonl"), encoding: .utf8)
    #expect(ledger.contains("\"import\"") && !ledger.contains("\"compress\""))
  }

  /// During allocation, rows beyond the memory budget are kept in files, which doesn't change the
  /// choices.
  @Test func allocationKeepsToTheMemoryBudget() throws {
    var choices: [SHA256Digest?] = []
    for memory in [8 << 30, 1] {
      var recipe = try recipe("group_size: 8, target_bits_per_weight: 8, drift: qep", windows: 4)
      recipe.memory = memory
      let work = folder.file("work-\(memory)")
      let files = Mutex<Set<String>>([])
      let build = try Build(
        stages: try BuildPlan(recipe).stages, store: try Store(folder: work, create: true),
        kernels: "plain", progress: BuildProgress(style: .quiet)
      ) {
        for key in TemporaryFolder.names(in: work + "/partial") {
          let names = TemporaryFolder.names(in: work + "/partial/" + key)
          files.withLock { $0.formUnion(names.filter { $0.hasSuffix(".f32") }) }
        }
        return false
      }
      choices.append(try build.run(until: "allocate").last?.outputs["choices"]?.digest)
      #expect(
        files.withLock { $0 } == (memory == 1 ? ["rows-0-0.f32", "attended-0.f32"] : []))
      #expect(TemporaryFolder.names(in: work + "/partial").isEmpty)
    }
    #expect(choices[0] != nil && choices[0] == choices[1])
  }
}
