import BundleFormat
import Bytes
import Foundation
import Synchronization
import TestSupport
import Testing

/// The newest commit record damaged: readers say so, and writers leave the bundle alone.
@Suite struct DamagedRecordTests {
  let folder: TemporaryFolder
  let path: String
  let sound: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
    for name in ["two", "three"] {
      try BundleEditor.append(
        to: path, sections: [.adapter(Samples.prompt(name, weights: nil, unvalidated: true))])
    }
    sound = try folder.read("a.ctpack")
  }

  /// Generation 3 stands in record 1, at byte 8192.
  private func flip(_ at: Int, _ bit: UInt8 = 1) throws -> [UInt8] {
    var bytes = sound
    bytes[8192 + at] ^= bit
    try folder.write("a.ctpack", bytes)
    return bytes
  }

  private var edit: [NewSection] {
    [.adapter(Samples.prompt("four", weights: nil, unvalidated: true))]
  }

  /// One bit in each of the record's bytes: an edit would be built on generation 2.
  @Test func noEditIsBuiltOnAnOlderState() throws {
    for at in 0..<128 {
      let bytes = try flip(at, 1 << UInt8(at % 8))
      let failure = #expect(throws: Failure.self, "byte \(at)") {
        try BundleEditor.append(to: path, sections: edit)
      }
      #expect(failure?.kind == .invalidData && failure?.reason == .olderState, "byte \(at)")
      #expect(failure?.place == "commit record 1" && failure?.advice != nil, "byte \(at)")
      #expect(try folder.read("a.ctpack") == bytes, "byte \(at)")
    }
  }

  @Test func noWriterIsBuiltOnAnOlderState() throws {
    let bytes = try flip(60)
    let key = try SigningKey(path: folder.write("key.pem", SampleKeys.signer))
    let writers: [(String, () throws -> Void)] = [
      (
        "remove",
        {
          try BundleEditor.append(
            to: path, sections: [], removing: [.init(type: .prompt, name: "demo")])
        }
      ),
      ("compact", { try BundleEditor.compact(path, to: path) }),
      ("compact to another file", { try BundleEditor.compact(path, to: folder.file("b")) }),
      ("recode", { try BundleEditor.recode(path, to: folder.file("b"), storage: .coded) }),
      ("sign", { try BundleSigner.sign(path, with: key) }),
      ("measure", { try ModelBundle(path: path).requireSound() }),
    ]
    for (name, write) in writers {
      let failure = #expect(throws: Failure.self, "\(name)") { try write() }
      #expect(failure?.reason == .olderState, "\(name)")
    }
    #expect(try folder.read("a.ctpack") == bytes)
    #expect(folder.names == ["a.ctpack", "key.pem"])
  }

  /// Whoever accepts the older state gets it, and a bundle without damage.
  @Test func theOlderStateCanBeAccepted() throws {
    _ = try flip(60)
    let generation = try OlderState.$isAccepted.withValue(true) {
      try BundleEditor.append(to: path, sections: edit)
    }
    #expect(generation == 3)
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.problems.isEmpty)
    #expect(try bundle.adapters.map(\.name) == ["demo", "four", "two"])
    // Accepting is for the work inside alone.
    _ = try flip(60)
    #expect(throws: Failure.self) { try BundleEditor.append(to: path, sections: edit) }
  }

  /// A record that was wiped, the newest or the other one, isn't one that was never written.
  @Test(arguments: [4096, 8192])
  func aBlankRecordIsDamage(offset: Int) throws {
    var bytes = sound
    bytes.replaceSubrange(offset..<offset + 128, with: [UInt8](repeating: 0, count: 128))
    try folder.write("a.ctpack", bytes)
    let errors = try ModelBundle.audit(path: path, level: .none).filter { $0.severity == .error }
    #expect(errors.map(\.place) == ["commit record \(offset / 4096 - 1)"])
    #expect(throws: Failure.self) { try BundleEditor.append(to: path, sections: edit) }
    let report = try BundleRecovery(path, to: folder.file("b"))
    #expect(report.generation == 3 && report.losses.isEmpty)
  }

  /// The first edit's record is told from one that was never written, too.
  @Test func theFirstEditsRecordIsMissed() throws {
    try Samples.write(path)
    try BundleEditor.append(to: path, sections: edit)
    var bytes = try folder.read("a.ctpack")
    bytes.replaceSubrange(4096..<4224, with: [UInt8](repeating: 0, count: 128))
    try folder.write("a.ctpack", bytes)
    let bundle = try ModelBundle(path: path)
    #expect(bundle.generation == 1)
    #expect(bundle.problems.contains { $0.severity == .error && $0.place == "commit record 0" })
    let report = try BundleRecovery(path, to: folder.file("b"))
    #expect(report.generation == 2 && report.losses.isEmpty)
    #expect(try ModelBundle(path: folder.file("b")).adapters.map(\.name) == ["demo", "four"])
  }

  /// An edit that was cut short is none of this, at whichever write: writers go on.
  @Test func anUnfinishedEditIsNoDamage() throws {
    try Samples.write(path)
    var recording = RecordingBytes(try folder.read("a.ctpack"))
    var state = recording.content
    _ = try BundleEditor.edit(&recording, path: "memory", adding: edit, removing: [])
    for step in recording.steps.dropLast(2) {
      RecordingBytes.apply(step, to: &state)
      try folder.write("a.ctpack", state)
      let bundle = try ModelBundle(path: path)
      #expect(bundle.generation == 1)
      #expect(bundle.problems.allSatisfy { $0.severity == .note }, "\(bundle.problems)")
      let report = try BundleRecovery(path, to: folder.file("b"))
      #expect(report.generation == 1 && report.losses.isEmpty)
      #expect(try BundleEditor.append(to: path, sections: edit) == 2)
      try FileManager.default.removeItem(atPath: folder.file("b"))
    }
  }

  /// Every opening of the damaged file is noticed, and none of a sound one.
  @Test func openingIsNoticed() throws {
    final class Notices: Sendable {
      let all = Mutex<[DamageNotice.Damage]>([])
    }
    let notices = Notices()
    let path = path
    DamageNotice.receive { damage in
      if damage.file == path { notices.all.withLock { $0.append(damage) } }
    }
    defer { DamageNotice.receive(nil) }
    _ = try ModelBundle(path: path)
    #expect(notices.all.withLock { $0.isEmpty })
    _ = try flip(60)
    _ = try ModelBundle(path: path)
    let found = notices.all.withLock { $0 }
    #expect(found.map(\.generation) == [2] && found.map(\.place) == ["commit record 1"])
  }
}
