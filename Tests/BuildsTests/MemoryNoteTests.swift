import Builds
import Bytes
import Foundation
import Synchronization
import TestSupport
import Testing

/// The note of a build about an earlier one that was killed for lack of memory.
@Suite struct MemoryNoteTests {
  let folder: TemporaryFolder
  let fake: FakeBuild
  /// The estimate of a stage that gives none.
  private let estimate = StageNeeds().memory

  init() throws {
    folder = try TemporaryFolder()
    fake = try FakeBuild(folder)
  }

  /// Runs the build in these surroundings and returns the notes that it prints.
  private func notes(_ limit: Int, _ kills: Int?, _ fake: FakeBuild? = nil) throws -> [String] {
    let fake = fake ?? self.fake
    let lines = Mutex<[String]>([])
    let build = try Build(
      stages: [fake.first, fake.second, fake.third],
      store: Store(folder: folder.file("work"), create: true), kernels: "plain",
      progress: BuildProgress(
        style: .plain, write: { text in lines.withLock { $0.append(text) } }),
      stop: { false }, surroundings: { MemorySurroundings(limit: limit, kills: kills) })
    try build.run()
    return lines.withLock { $0 }.filter { $0.hasPrefix("note:") }
  }

  /// Leaves a work folder as a process does that is killed within `second`: its end isn't recorded.
  private func killed(limit: Int, kills: Int?) throws {
    var crashing = fake
    crashing.second.beforeStep = { if $0 == 2 { throw Crash() } }
    #expect(throws: Crash.self) { _ = try notes(limit, kills, crashing) }
    let path = "work/ledger.jsonl"
    var lines = String(decoding: try folder.read(path), as: UTF8.self).split(separator: "\n")
    #expect(lines.last?.contains("\"failed\"") == true)
    lines.removeLast()
    try folder.write(path, lines.joined(separator: "\n") + "\n")
  }

  @Test func aCountedKillIsNamed() throws {
    try killed(limit: 1 << 40, kills: 2)
    let found = try notes(1 << 40, 3)
    #expect(found.count == 1)
    let note = try #require(found.first)
    #expect(note.contains("during second") && note.contains("killed for lack of memory"))
    #expect(note.contains("the number of threads"))
    // Said once: this run recorded its ends.
    #expect(try notes(1 << 40, 4).isEmpty)
  }

  @Test func anEstimateNearTheLimitIsASign() throws {
    try killed(limit: estimate, kills: nil)
    let found = try notes(estimate, nil)
    #expect(found.count == 1 && found[0].contains("probably for lack of memory"))
  }

  /// A power failure, or a kill by hand: no sign of memory.
  @Test func anotherEndIsNotBlamedOnMemory() throws {
    try killed(limit: 2 * estimate, kills: 2)
    #expect(try notes(2 * estimate, 2).isEmpty)
  }

  /// Another container counts anew.
  @Test func aSmallerCountSaysNothing() throws {
    try killed(limit: 2 * estimate, kills: 5)
    #expect(try notes(2 * estimate, 0).isEmpty)
  }

  @Test func anEndThatWasRecordedIsNotMentioned() throws {
    var failing = fake
    failing.second.beforeStep = { if $0 == 2 { throw Crash() } }
    #expect(throws: Crash.self) { _ = try notes(estimate, 0, failing) }
    #expect(try notes(estimate, 9).isEmpty)
  }
}
