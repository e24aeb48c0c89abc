import Builds
import Bytes
import Foundation
import TestSupport
import Testing

/// Cleaning a work folder: what the latest results don't need goes, everything else stays.
@Suite struct CleaningTests {
  let folder: TemporaryFolder
  var fake: FakeBuild

  init() throws {
    folder = try TemporaryFolder()
    fake = try FakeBuild(folder)
  }

  private func clean(removes: Bool = true) throws -> StoreCleaning {
    try Store.existing(folder.file("work")).clean(removes: removes)
  }

  private func files(_ name: String) -> [String] {
    TemporaryFolder.names(in: folder.file("work/" + name))
  }

  @Test func resultsOfEarlierSettingsAreRemoved() throws {
    _ = try fake.run()
    let (old, oldRecords) = (files("objects"), files("stages"))
    var changed = fake
    changed.second.parameters = ["bits": 3]
    let digest = try changed.run()
    #expect(files("objects").count == 5 && files("stages").count == 5)
    let listed = try clean(removes: false)
    #expect(files("objects").count == 5 && files("stages").count == 5)
    let cleaning = try clean()
    #expect(cleaning.items == listed.items)
    #expect(cleaning.items.map(\.kind) == [.record, .record, .object, .object])
    // Each object is a digest of 32 bytes.
    #expect(cleaning.items.filter { $0.kind == .object }.allSatisfy { $0.bytes == 32 })
    #expect(cleaning.bytes > 64)
    #expect(files("objects").count == 3 && files("stages").count == 3)
    // `first` is the same in both, and stays.
    #expect(Set(files("objects")).intersection(old).count == 1)
    #expect(Set(files("stages")).intersection(oldRecords).count == 1)
    let steps = changed.second.counter.value
    #expect(try changed.run() == digest)
    #expect(changed.second.counter.value == steps)
    #expect(try clean().items.isEmpty)
  }

  /// Records that can't be listed (here a link to itself; elsewhere a process without descriptors)
  /// aren't none: nothing is removed.
  @Test func recordsThatCannotBeListedRemoveNothing() throws {
    _ = try fake.run()
    let objects = files("objects")
    let (stages, kept) = (folder.file("work/stages"), folder.file("work/kept"))
    try FileManager.default.moveItem(atPath: stages, toPath: kept)
    try FileManager.default.createSymbolicLink(atPath: stages, withDestinationPath: "stages")
    #expect(throws: Failure.self) { try clean() }
    #expect(files("objects") == objects)
    try FileManager.default.removeItem(atPath: stages)
    try FileManager.default.moveItem(atPath: kept, toPath: stages)
    #expect(try clean().items.isEmpty)
  }

  @Test func savedStateToResumeFromStays() throws {
    var crashing = fake
    crashing.second.beforeStep = { if $0 == 2 { throw Crash() } }
    #expect(throws: Crash.self) { try crashing.run() }
    let state = files("partial")
    #expect(state.count == 1)
    #expect(try clean().items.isEmpty)
    #expect(files("partial") == state)
    let before = fake.second.counter.value
    try fake.build().run(until: "second")
    #expect(fake.second.counter.value == before + 2)
  }

  @Test func whatNothingNeedsIsRemoved() throws {
    _ = try fake.run()
    let orphan = String(repeating: "ab", count: 32)
    try folder.write("work/objects/" + orphan, "orphan")
    try folder.write("work/partial/\(orphan)/state.state", "abandoned")
    try folder.write("work/stages/x.json.1-1.partial", "half")
    try folder.write("work/latest.json.0123456789abcdef.partial", "half")
    let cleaning = try clean()
    #expect(
      cleaning.items.map(\.name) == [
        "objects/" + orphan, "partial/" + orphan, "latest.json.0123456789abcdef.partial",
        "stages/x.json.1-1.partial",
      ])
    #expect(cleaning.items.map(\.bytes) == [6, 9, 4, 4])
    #expect(files("objects").count == 3 && files("stages").count == 3)
  }

  @Test func aRunningBuildIsLeftAlone() throws {
    _ = try fake.run()
    let lock = try FileLock(path: folder.file("work/lock"))
    let failure = #expect(throws: Failure.self) { try clean() }
    #expect(failure?.kind == .busy)
    withExtendedLifetime(lock) {}
  }

  /// Without knowing what is current, nothing may be called outdated.
  @Test func damagedRecordsStopTheCleaning() throws {
    _ = try fake.run()
    let orphan = "work/objects/" + String(repeating: "ab", count: 32)
    try folder.write(orphan, "orphan")
    let latest = try folder.read("work/latest.json")
    for text in ["", "[]", "{", "7"] {
      try folder.write("work/latest.json", text)
      let failure = #expect(throws: Failure.self) { try clean() }
      #expect(failure?.kind == .invalidData && failure?.file == folder.file("work/latest.json"))
    }
    try folder.write("work/latest.json", latest)
    let record = "work/stages/" + files("stages")[0]
    let good = try folder.read(record)
    try folder.write(record, Array(good.dropLast()))
    let failure = #expect(throws: Failure.self) { try clean() }
    #expect(failure?.kind == .invalidData && failure?.file == folder.file(record))
    #expect(FileManager.default.fileExists(atPath: folder.file(orphan)))
    // Records without a list of the latest ones are all kept.
    try folder.write(record, good)
    try FileManager.default.removeItem(atPath: folder.file("work/latest.json"))
    #expect(try clean().items.map(\.kind) == [.object])
  }

  @Test func anotherFolderIsNoWorkFolder() throws {
    try folder.write("mine/letter.txt", "dear reader")
    let failure = #expect(throws: Failure.self) { try Store.existing(folder.file("mine")) }
    #expect(failure?.kind == .inputMissing)
  }
}
