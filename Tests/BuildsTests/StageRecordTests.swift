import Builds
import Bytes
import Foundation
import TestSupport
import Testing

/// Damaged records of finished stages: each is named, none is used, and none looks like a fault of the
/// program.
@Suite struct StageRecordTests {
  let folder: TemporaryFolder
  let fake: FakeBuild
  /// The record of `second`, by its path in the folder.
  let record: String

  init() throws {
    let folder = try TemporaryFolder()
    let fake = try FakeBuild(folder)
    _ = try fake.run()
    let names = TemporaryFolder.names(in: folder.file("work/stages"))
    let found = try names.first { name in
      try JSON(parsing: folder.read("work/stages/" + name))["stage"]?.string == "second"
    }
    self.folder = folder
    self.fake = fake
    record = "work/stages/" + (try #require(found))
  }

  private func expectDamaged(
    _ text: [UInt8], _ what: String, keepsObjects: Bool = true
  ) throws {
    let before = TemporaryFolder.names(in: folder.file("work/objects"))
    try folder.write(record, text)
    let failure = #expect(throws: Failure.self, "\(what)") { try fake.run() }
    #expect(failure?.kind == .invalidData, "\(what): \(failure?.description ?? "")")
    #expect(failure?.file == folder.file(record), "\(what)")
    #expect(failure?.advice?.contains("remove the file") == true, "\(what)")
    #expect(throws: Failure.self, "\(what)") { try fake.build().explain() }
    // Nothing is lost for a record that can't be read.
    if keepsObjects {
      #expect(TemporaryFolder.names(in: folder.file("work/objects")) == before, "\(what)")
    }
  }

  @Test func everyByteOfARecordIsChecked() throws {
    let good = try folder.read(record)
    for place in good.indices {
      var bad = good
      bad[place] ^= 1 << UInt8(place % 7)
      try expectDamaged(bad, "byte \(place)")
    }
    for count in [0, 1, good.count / 2, good.count - 1] {
      try expectDamaged(Array(good.prefix(count)), "cut to \(count)")
    }
    try expectDamaged(good + [0x20], "a space after it")
  }

  /// With the digest set right again: what the stage declares counts.
  @Test func outputsThatTheStageDoesNotMakeAreRefused() throws {
    let object = try #require(try JSON(parsing: folder.read(record)).object)
    func changed(_ change: (inout JSONObject) -> Void) -> [UInt8] {
      var members = object
      change(&members)
      members["digest"] = nil
      let digest = SHA256Digest(hashing: JSON.object(members).canonicalBytes)
      members["digest"] = .string(digest.hex)
      return JSON.object(members).canonicalBytes
    }
    try expectDamaged(changed { $0["outputs"] = .object([:]) }, "no outputs", keepsObjects: false)
    try expectDamaged(
      changed { $0["outputs"] = ["other": $0["outputs"]?["second"] ?? .null] }, "other")
    try expectDamaged(
      changed { $0["outputs"] = ["second": ["sha256": "x", "bytes": 1]] }, "no digest")
    try expectDamaged(changed { $0["outputs"] = 3 }, "a number")
    try expectDamaged(changed { $0["stage"] = "first" }, "another stage")
    try expectDamaged(changed { $0["key"] = "0" }, "another key")
    try expectDamaged(changed { $0["extra"] = 1 }, "another member")
  }

  @Test func aRemovedRecordIsMadeAgain() throws {
    let good = try folder.read(record)
    try FileManager.default.removeItem(atPath: folder.file(record))
    _ = try fake.run()
    #expect(try folder.read(record) == good)
  }

  /// Records of version 0.1 have no digest over themselves.
  @Test func recordsWithoutADigestAreRead() throws {
    var members = try #require(try JSON(parsing: folder.read(record)).object)
    members["digest"] = nil
    try folder.write(record, JSON.object(members).canonicalBytes)
    let before = fake.second.counter.value
    _ = try fake.run()
    #expect(fake.second.counter.value == before)
  }
}
