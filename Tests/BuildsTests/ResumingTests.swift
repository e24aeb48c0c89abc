import Builds
import Bytes
import Foundation
import Synchronization
import TestSupport
import Testing

/// Interrupted and resumed builds: the same bytes, and no step computed twice.
@Suite struct ResumingTests {
  let folder: TemporaryFolder
  let fake: FakeBuild

  init() throws {
    folder = try TemporaryFolder()
    fake = try FakeBuild(folder)
  }

  @Test func secondRunReusesEverything() throws {
    let digest = try fake.run()
    #expect(fake.third.counter.value == 4)
    #expect(try fake.run() == digest)
    #expect(fake.first.counter.value + fake.second.counter.value + fake.third.counter.value == 12)
  }

  @Test func untilStopsAfterTheNamedStage() throws {
    try fake.build().run(until: "second")
    #expect(fake.second.counter.value == 4)
    #expect(fake.third.counter.value == 0)
  }

  @Test func untilRefusesAnUnknownStage() throws {
    let failure = #expect(throws: Failure.self) { try fake.build().run(until: "fourth") }
    #expect(failure?.kind == .usage)
    #expect(failure?.finding.contains("first, second, third") == true)
  }

  /// A crash at the n-th occurrence of each step of publishing: a second run gives the same bytes
  /// and leaves only intact objects.
  @Test(arguments: FaultPoint.allCases, 1...9)
  func crashThenResumeGivesTheSameBytes(point: FaultPoint, occurrence: Int) throws {
    let expected = try fake.run(work: "reference")
    let seen = Counter()
    let reached = Result {
      try fake.run { at in
        if at == point { seen.add() }
        if at == point, seen.value == occurrence { throw Crash() }
      }
    }
    switch reached {
    case .failure(let error): #expect(error is Crash)
    case .success(let digest):
      #expect(seen.value < occurrence, "the build finished without reaching the crash")
      #expect(digest == expected)
    }
    #expect(try fake.run() == expected)
    let objects = try FileManager.default.contentsOfDirectory(atPath: folder.file("work/objects"))
    #expect(objects.count == 3)
    for name in objects {
      let bytes = try folder.read("work/objects/" + name)
      #expect(SHA256Digest(hashing: bytes).hex == name)
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.file("work/partial")).isEmpty)
  }

  @Test func stepsDoneBeforeAStopAreNotDoneAgain() throws {
    let expected = try fake.run(work: "reference")
    let before = fake.second.counter.value
    let stopping = Mutex(false)
    var stopped = fake
    stopped.second.beforeStep = { step in if step == 2 { stopping.withLock { $0 = true } } }
    let failure = #expect(throws: Failure.self) {
      try stopped.build(stop: { stopping.withLock { $0 } }).run()
    }
    #expect(failure?.kind == .interrupted)
    #expect(failure?.advice?.contains("same command") == true)
    #expect(fake.second.counter.value == before + 3)
    let outlook = try fake.build().explain()
    #expect(outlook.map(\.willRun) == [false, true, true])
    #expect(outlook[1].reasons.first?.hasPrefix("began but did not finish") == true)
    #expect(try fake.run() == expected)
    #expect(fake.second.counter.value == before + 4)
  }

  @Test func theBusyFailureNamesTheHolderOfTheStore() throws {
    let lock = try FileLock(
      path: {
        _ = try fake.build()
        return folder.file("work/lock")
      }())
    let failure = #expect(throws: Failure.self) { try fake.run() }
    #expect(failure?.kind == .busy)
    #expect(failure?.finding.contains("process \(ProcessUsage.identifier)") == true)
    withExtendedLifetime(lock) {}
  }

  @Test func aDamagedObjectIsRefusedAndAMissingOneMadeAgain() throws {
    let digest = try #require(try fake.run())
    let path = "work/objects/" + digest.hex
    var bytes = try folder.read(path)
    bytes[5] ^= 1
    try folder.write(path, bytes)
    let failure = #expect(throws: Failure.self) { try fake.run() }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.description.contains("third's output `third`") == true)
    try FileManager.default.removeItem(atPath: folder.file(path))
    #expect(
      try fake.build().explain()[2].reasons == [
        "its output `third` is no longer in the work folder"
      ])
    #expect(try fake.run() == digest)
    #expect(fake.third.counter.value == 8)
  }

  @Test func workWithADamagedPartialStateIsRepeated() throws {
    let expected = try fake.run(work: "reference")
    var crashing = fake
    crashing.second.beforeStep = { if $0 == 2 { throw Crash() } }
    #expect(throws: Crash.self) { try crashing.run() }
    let keys = try FileManager.default.contentsOfDirectory(atPath: folder.file("work/partial"))
    let path = "work/partial/\(keys[0])/state.state"
    var bytes = try folder.read(path)
    bytes[40] ^= 1
    try folder.write(path, bytes)
    #expect(try fake.run() == expected)
  }

  @Test func anInputThatChangesDuringAStageIsRefused() throws {
    var changing = fake
    let input = folder.file("input.txt")
    changing.first.beforeStep = { if $0 == 3 { try AtomicFile.write("other text", to: input) } }
    let failure = #expect(throws: Failure.self) { try changing.run() }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.file == input)
    #expect(failure?.finding == "changed while first was reading it")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("work/stages")).isEmpty)
  }

  @Test func remainsOfACrashAreRemoved() throws {
    let digest = try fake.run()
    let orphan = String(repeating: "ab", count: 32)
    try folder.write("work/objects/" + orphan, "orphan")
    try folder.write("work/stages/x.json.99-1.partial", "half")
    #expect(try fake.run() == digest)
    #expect(!FileManager.default.fileExists(atPath: folder.file("work/objects/" + orphan)))
    #expect(!FileManager.default.fileExists(atPath: folder.file("work/stages/x.json.99-1.partial")))
  }

  @Test func aForeignFolderIsNotTakenForAStore() throws {
    try folder.write("mine/letter.txt", "dear reader")
    let failure = #expect(throws: Failure.self) { try fake.run(work: "mine") }
    #expect(failure?.kind == .cannotCreate)
    #expect(try folder.read("mine/letter.txt") == Array("dear reader".utf8))
  }

  @Test func anotherLayoutIsRefused() throws {
    try folder.write("old/store.json", #"{"store":99}"#)
    let failure = #expect(throws: Failure.self) { try fake.run(work: "old") }
    #expect(failure?.kind == .invalidData)
    #expect(failure?.finding.contains("layout 99") == true)
  }
}
