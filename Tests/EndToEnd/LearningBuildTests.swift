import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Ways to learn a prompt, by the real program on a tiny model: teacher, resuming, starts, sink.
@Suite(.serialized) struct LearningBuildTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws { shop = try Workshop() }

  private func recipe(
    _ name: String, _ prompt: String, tokens: Int = 4, steps: Int = 12
  ) throws {
    try folder.write(
      "\(name).yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 6, length: 32}
      compression: {method: rtn, bits: 3, group_size: 16}
      prompt:
        tokens: \(tokens)
        steps: \(steps)
        batch: 2
        length: 16
        validation: {text: dev.txt, windows: 4, every: 4}
      \(prompt.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
      evaluation: [{text: test.txt, protocol: ctp-32, windows: 4}]
      """)
  }

  private func learned(_ name: String, _ prompt: String) throws -> StoredAdapter {
    try recipe(name, prompt)
    let run = try ctpack("run", "\(name).yaml", "--work", "work")
    #expect(run.status == 0, "\(run.errors)")
    return try #require(try ModelBundle(path: folder.file("\(name).ctpack")).adapters.first)
  }

  @Test func theFullModelTeaches() throws {
    let cached = try learned("cached", "objective: kl\nteacher_top: 8")
    // Stages are listed in the order they run.
    let status = try ctpack("status", "work", "--json").json["stages"]?.array ?? []
    #expect(
      status.map { $0["stage"]?.string } == [
        "import", "calibrate", "compress", "teacher", "prompt", "verify", "gate", "package",
      ])
    #expect(cached.objective == "kl")
    #expect(cached.training["settings"]?["teacher_top"]?.int == 8)
    // Another objective over the same windows reuses the teacher's predictions.
    try recipe("mix", "objective: mix\nkl_share: 0.75\nteacher_top: 8\noptimiser: adafactor")
    let explained = try ctpack("run", "mix.yaml", "--work", "work", "--explain")
    let teacher = explained.output.split(separator: "\n").first { $0.contains("teacher") }
    #expect(teacher?.contains("reuse") == true, "\(explained.output)")
    #expect(try learned("mix", "objective: mix\nkl_share: 0.75\nteacher_top: 8").objective == "mix")
    let whole = try learned("whole", "objective: kl\nteacher_top: 0")
    #expect(whole.values != cached.values)
    #expect(whole.training["curve"]?.array?.count == 4)
  }

  /// A build that is interrupted many times during the teacher and prompt stages gives the same bytes.
  @Test func aBuildWithATeacherResumes() throws {
    try recipe("taught", "objective: kl\nteacher_top: 8\naccumulate: 2\npatience: 50", steps: 80)
    #expect(try ctpack("run", "taught.yaml", "--work", "one", "--out", "1").status == 0)
    var attempts = 0
    while attempts < 40 {
      attempts += 1
      let running = try Program.Running(
        ["run", "taught.yaml", "--work", "two", "--out", "2"], in: folder)
      usleep(UInt32(30_000 * (1 + attempts % 7)))
      running.send(attempts % 2 == 0 ? SIGKILL : SIGINT)
      if running.wait().status == 0 { break }
    }
    let last = try ctpack("run", "taught.yaml", "--work", "two", "--out", "2")
    #expect(last.status == 0, "\(last.errors)")
    #expect(try shop.digest("1") == shop.digest("2"))
  }

  @Test func aPromptStartsFromAnotherOrFromText() throws {
    let first = try learned("first", "name: general")
    let second = try learned(
      "second", "init_from: {bundle: first.ctpack, prompt: general}\nlearning_rate: 1e-9")
    for (a, b) in zip(first.values, second.values) { #expect(abs(a - b) < 1e-6) }
    let text = try learned("text", "init_text: the quick brown fox\nlearning_rate: 1e-9")
    #expect(text.training["settings"]?["init_text"]?.string == "the quick brown fox")
    try recipe("wide", "init_from: {bundle: first.ctpack}", tokens: 5)
    let wide = try ctpack("run", "wide.yaml", "--work", "work")
    #expect(wide.status == 64, "\(wide.errors)")
    #expect(wide.errors.contains("the starting prompt is 4 ×"), "\(wide.errors)")
  }

  @Test func aSinkOfTwoTokensIsRefused() throws {
    try recipe("sink", "sink: two words")
    let run = try ctpack("run", "sink.yaml", "--work", "work")
    #expect(run.status == 65, "\(run.errors)")
    #expect(run.errors.contains("prompt.sink"), "\(run.errors)")
  }
}
