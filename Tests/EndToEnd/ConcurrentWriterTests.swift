import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Several processes that measure and edit one bundle at once: whoever ended with 0 finds its work there,
/// and the others were told to try again.
@Suite(.serialized) struct ConcurrentWriterTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws {
    shop = try Workshop()
    try folder.write("four.yaml", Workshop.recipe(bits: 4))
    #expect(try ctpack("run", "small.yaml").status == 0)
    #expect(
      try ctpack("run", "four.yaml", "--work", "small.work", "--out", "four.ctpack").status == 0)
  }

  private func transfer(_ name: String) throws -> Program.Running {
    try Program.Running(
      [
        "transfer", "small.ctpack", "t.ctpack", "--as", name, "--text", "test.txt", "--protocol",
        "ctp-32", "--windows", "4", "--quiet",
      ], in: folder)
  }

  private func target() throws -> ModelBundle {
    try ModelBundle(path: folder.file("t.ctpack"), verify: .full)
  }

  @Test func noMeasurementIsLost() throws {
    for round in 0..<5 {
      try folder.write("t.ctpack", try folder.read("four.ctpack"))
      let running = try ["a", "b", "c"].map { ($0, try transfer($0)) }
      let ended = running.map { ($0.0, $0.1.wait()) }
      let bundle = try target()
      var done = 0
      for (name, result) in ended {
        #expect([0, 75].contains(result.status), "round \(round), \(name): \(result.errors)")
        let isThere = try bundle.adapter(named: name) != nil
        let isMeasured = try bundle.evidence.contains { $0.prompt == name }
        #expect(isThere == (result.status == 0), "round \(round), \(name): \(result.errors)")
        #expect(isMeasured == (result.status == 0), "round \(round), \(name): \(result.errors)")
        if result.status == 0 { done += 1 }
      }
      #expect(done > 0, "round \(round)")
      #expect(bundle.generation == UInt64(1 + done), "round \(round)")
    }
  }

  /// Another model takes the target's place at some moment of the measurement.
  @Test func noPromptEndsOnWeightsThatItWasNotMeasuredOn() throws {
    let (four, small) = (try folder.read("four.ctpack"), try folder.read("small.ctpack"))
    for round in 0..<6 {
      try folder.write("t.ctpack", four)
      try folder.write("new", small)
      let running = try transfer("a")
      usleep(UInt32(20_000 * round))
      #expect(unsafe rename(folder.file("new"), folder.file("t.ctpack")) == 0)
      let result = running.wait()
      #expect([0, 75].contains(result.status), "round \(round): \(result.errors)")
      let bundle = try target()
      if let prompt = try bundle.adapter(named: "a") {
        #expect(result.status == 0, "round \(round)")
        #expect(prompt.validatedOn.contains { $0.weights == bundle.weightsDigest })
      } else {
        #expect(try folder.read("t.ctpack") == small, "round \(round)")
      }
    }
  }

  /// The lock is held by another process from before the measurement until after it.
  @Test func aWriterThatFindsTheLockTakenIsToldSo() throws {
    try folder.write("t.ctpack", try folder.read("four.ctpack"))
    let before = try folder.read("t.ctpack")
    let editor = try EditableFile(path: folder.file("t.ctpack"))
    let result = try transfer("a").wait()
    #expect(result.status == 75 && result.errors.contains("in use"), "\(result.errors)")
    #expect(try folder.read("t.ctpack") == before)
    _ = try editor.size
  }
}
