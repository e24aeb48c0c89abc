import BundleFormat
import Bytes
import TestSupport
import Testing

@Suite struct EditingTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
  }

  private func content(_ path: String) throws -> [UInt8] { try MappedFile(path: path).bytes.array }

  @Test func addsReplacesAndRemoves() throws {
    let weights = try ModelBundle(path: path).weightsDigest
    let second = Samples.prompt("second", weights: weights)
    #expect(try BundleEditor.append(to: path, sections: [.adapter(second)]) == 2)
    var replaced = second
    replaced.objective = "kl"
    #expect(
      try BundleEditor.append(
        to: path, sections: [.adapter(replaced)], removing: [.init(type: .prompt, name: "demo")])
        == 3)
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.check(.full).isEmpty)
    #expect(try bundle.adapters == [replaced])
    #expect(bundle.generation == 3)
    #expect(bundle.weightsDigest == weights)
  }

  @Test func theCompactedFormIsTheFreshOne() throws {
    let weights = try ModelBundle(path: path).weightsDigest
    for name in ["z", "b"] {
      try BundleEditor.append(
        to: path, sections: [.adapter(Samples.prompt(name, weights: weights))])
    }
    try BundleEditor.append(to: path, sections: [], removing: [.init(type: .prompt, name: "demo")])
    let appended = try ModelBundle(path: path).canonicalDigest
    var fresh = BundleWriter(path: folder.file("fresh"))
    let old = try ModelBundle(path: path)
    for section in old.sections where section.type != .prompt {
      try fresh.add(copying: section, from: old)
    }
    for name in ["b", "z"] { fresh.addAdapter(Samples.prompt(name, weights: weights)) }
    #expect(try fresh.finish() == appended)
    #expect(try BundleEditor.compact(path, to: path) == appended)
    #expect(try content(path) == content(folder.file("fresh")))
    #expect(try ModelBundle(path: path, verify: .full).generation == 1)
  }

  /// Every prefix of the sequence of writes, to the byte: what a crash leaves must open as the old
  /// bundle or as the new one, pass the fast check, and take the next edit.
  @Test func aCrashAtAnyByteLeavesTheOldOrTheNew() throws {
    try BundleEditor.append(
      to: path, sections: [.adapter(Samples.prompt("two", weights: nil, unvalidated: true))])
    let before = try ModelBundle(path: path).canonicalDigest
    // An unfinished edit's tail is there already, so that dropping it is a step too.
    let start = try content(path) + [UInt8](repeating: 0xEE, count: 700)
    let edit: [NewSection] = [.adapter(Samples.prompt("three", weights: nil, unvalidated: true))]
    var recording = RecordingBytes(start)
    _ = try BundleEditor.edit(&recording, path: "memory", adding: edit, removing: [])
    let target = folder.file("crashed")
    try folder.write("crashed", recording.content)
    let after = try ModelBundle(path: target, verify: .full).canonicalDigest
    #expect(before != after)

    var states: [[UInt8]] = [start]
    var content = start
    for step in recording.steps {
      if case .write(let bytes, let offset) = step, bytes.count > 1 {
        // Torn after each byte of a commit record, after every 97th of the long tail.
        for count in stride(from: 1, to: bytes.count, by: bytes.count == 128 ? 1 : 97) {
          var torn = content
          RecordingBytes.apply(.write(Array(bytes[..<count]), offset), to: &torn)
          states.append(torn)
        }
      }
      RecordingBytes.apply(step, to: &content)
      states.append(content)
    }
    var old = 0
    var new = 0
    for state in states {
      try folder.write("crashed", state)
      let bundle = try ModelBundle(path: target, verify: .fast)
      #expect(bundle.check(.fast).allSatisfy { $0.severity == .note })
      if bundle.canonicalDigest == before { old += 1 } else { new += 1 }
      #expect([before, after].contains(bundle.canonicalDigest))
      var again = RecordingBytes(state)
      _ = try BundleEditor.edit(&again, path: "memory", adding: edit, removing: [])
      try folder.write("crashed", again.content)
      #expect(try ModelBundle(path: target).canonicalDigest == after)
    }
    #expect(old > 150)
    #expect(new >= 2)
  }

  /// Blocks written before the synchronize may reach the disk in any order: the tail missing while
  /// the cleared end mark is there, or the other way round.
  @Test func writesBeforeTheSynchronizeMayBeLostSingly() throws {
    let start = try content(path)
    let before = try ModelBundle(path: path).canonicalDigest
    var recording = RecordingBytes(start)
    _ = try BundleEditor.edit(
      &recording, path: "memory",
      adding: [.adapter(Samples.prompt("two", weights: nil, unvalidated: true))], removing: [])
    // The commit record is the last write: what comes before it may be lost, in parts.
    let record = try #require(
      recording.steps.lastIndex { if case .write = $0 { true } else { false } })
    var settled = start
    var pending: [RecordingBytes.Step] = []
    var states = 0
    for step in recording.steps[..<record] {
      guard case .synchronize = step else {
        pending.append(step)
        continue
      }
      for mask in 0..<(1 << pending.count) {
        var state = settled
        for (at, step) in pending.enumerated() where mask >> at & 1 == 1 {
          RecordingBytes.apply(step, to: &state)
        }
        try folder.write("a.ctpack", state)
        #expect(try ModelBundle(path: path, verify: .full).canonicalDigest == before)
        states += 1
      }
      for step in pending { RecordingBytes.apply(step, to: &settled) }
      pending = []
    }
    #expect(states >= 6)
  }

  @Test func aFullDiskLeavesTheOldState() throws {
    let start = try content(path)
    let before = try ModelBundle(path: path).canonicalDigest
    for room in [0, 1, 100, 500, 2000] {
      var recording = RecordingBytes(start, room: room)
      var failure: Failure?
      do {
        _ = try BundleEditor.edit(
          &recording, path: "memory",
          adding: [.adapter(Samples.prompt("two", weights: nil, unvalidated: true))], removing: [])
      } catch { failure = error }
      #expect(failure?.kind == .io)
      try folder.write("a.ctpack", recording.content)
      let bundle = try ModelBundle(path: path, verify: .full)
      #expect(bundle.canonicalDigest == before)
      #expect(bundle.fileBytes == start.count)
    }
  }

  @Test func twoEditorsDontMeet() throws {
    let first = try EditableFile(path: path)
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [])
    }
    #expect(failure?.kind == .busy)
    _ = try first.size
  }

  @Test func tensorsDontChangeUnderAPrompt() throws {
    let tensor = NewSection.tensor(try Samples.dense("new", shape: [3], format: .float32, seed: 1))
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: tensor)
    }
    #expect(failure?.kind == .usage)
    #expect(failure?.place == "prompt \"demo\"")
    try BundleEditor.append(
      to: path, sections: tensor, removing: [.init(type: .prompt, name: "demo")])
    #expect(try ModelBundle(path: path, verify: .full).tensor(named: "new") != nil)
    let missing = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [], removing: [.init(type: .prompt, name: "x")])
    }
    #expect(missing?.kind == .usage)
  }

  /// The promise of `transfer`: the weights are neither read nor written.
  @Test func theCostDoesNotDependOnTheWeights() throws {
    var writer = BundleWriter(path: path)
    let values = ByteSlice([UInt8](repeating: 0, count: 1 << 20))
    for i in 0..<200 {
      let part = try #require(values.slice(0..<(i % 10 == 0 ? 1 << 20 : 4096)))
      writer.addTensor(
        try .dense(
          name: "layer.\(i).weight", shape: [part.count / 4], format: .float32, values: part))
    }
    try writer.finish()
    var file = RecordingBytes(try content(path))
    #expect(file.size > 20 << 20)
    _ = try BundleEditor.edit(
      &file, path: "memory",
      adding: [.adapter(Samples.prompt("two", weights: nil, unvalidated: true))], removing: [])
    let written = file.steps.reduce(0) { sum, step in
      if case .write(let bytes, _) = step { sum + bytes.count } else { sum }
    }
    // The table is written twice: in force, and in its backup.
    #expect(written < 100_000)
    #expect(file.reads.bytes < 60_000)
  }
}
