import Bytes
import Foundation
import TestSupport
import Testing

/// Builds interrupted by signals at random moments: the next run resumes, and the artifact is the same
/// byte for byte.
@Suite(.serialized) struct CrashTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }

  init() throws { shop = try Workshop() }

  /// The artifact's digest and the duration in seconds of a build without interruption.
  private func reference() throws -> (digest: String, seconds: Double) {
    let start = ProcessUsage.clock
    let run = try shop.ctpack(
      "run", "small.yaml", "--work", "reference", "--out", "reference.ctpack")
    #expect(run.status == 0, "\(run.errors)")
    return (try shop.digest("reference.ctpack"), ProcessUsage.clock - start)
  }

  @Test(arguments: [SIGKILL, SIGINT, SIGTERM])
  func anInterruptedBuildEndsWithTheSameBytes(signal: Int32) throws {
    let (digest, seconds) = try reference()
    var random = TestRandom("signal \(signal)")
    var interruptions = 0
    for _ in 0..<40 {
      // With and without memory for the calibration's rows, so that each resumes from the other.
      let memory = random.below(2) == 0 ? [] : ["--memory", "1MiB"]
      let running = try Program.Running(["run", "small.yaml"] + memory, in: folder)
      // Waits are short at first, to hit the early stages, and longer later, so that the build ends.
      let share = random.uniform() * min(1.3, 0.3 + Double(interruptions) * 0.1)
      let until = ProcessUsage.clock + seconds * share
      while running.isRunning, ProcessUsage.clock < until { usleep(500) }
      running.send(signal)
      let result = running.wait()
      if result.status == 0 { break }
      interruptions += 1
      if signal == SIGKILL {
        #expect(result.status == -1, "\(result.errors), \(random.note)")
      } else if result.status != -1 {
        // -1: the signal came before its handler was installed.
        #expect(result.status == 130, "\(result.errors), \(random.note)")
        #expect(
          result.errors.contains("run the same command again to resume"),
          "\(result.errors), \(random.note)")
      }
    }
    let last = try shop.ctpack("run", "small.yaml")
    #expect(last.status == 0, "\(last.errors), \(random.note)")
    #expect(interruptions > 0, "nothing was interrupted, so the test shows nothing, \(random.note)")
    #expect(try shop.digest("small.ctpack") == digest, "\(random.note)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.file("small.work/partial")).isEmpty
    )
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.hasSuffix(".partial") })
  }
}
