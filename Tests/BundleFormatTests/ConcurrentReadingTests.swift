import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// A reader that comes in the middle of an edit: it takes the file's size before the edit and its records
/// afterwards, and looks again instead of calling a sound bundle damaged.
@Suite struct ConcurrentReadingTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
  }

  private func edit(_ name: String) throws {
    try BundleEditor.append(
      to: path, sections: [.adapter(Samples.prompt(name, weights: nil, unvalidated: true))])
  }

  /// Opens `path` with these files in the place of those that are mapped first, and returns the number of
  /// attempts.
  private func open(_ first: [MappedFile]) throws -> (bundle: ModelBundle, attempts: Int) {
    var attempts = 0
    let bundle = try ModelBundle(path: path) { (path) throws(Failure) in
      attempts += 1
      return attempts <= first.count ? first[attempts - 1] : try MappedFile(path: path)
    }
    return (bundle, attempts)
  }

  @Test func anEditBetweenSizeAndRecordsIsLookedAtAgain() throws {
    // The mapping has the old size, and shows the new records.
    let old = try MappedFile(path: path)
    try edit("new")
    let stale = #expect(throws: Failure.self) {
      try ModelBundle(bytes: old.bytes, name: "stale")
    }
    #expect(stale?.finding.contains("the file ends here") == true)
    let (bundle, attempts) = try open([old])
    #expect(attempts == 2)
    #expect(try bundle.adapters.map(\.name) == ["demo", "new"])
    #expect(bundle.check(.full).allSatisfy { $0.severity == .note })
  }

  @Test func severalEditsInARowAreFollowed() throws {
    var stale: [MappedFile] = []
    for name in ["one", "two", "three"] {
      stale.append(try MappedFile(path: path))
      try edit(name)
    }
    let (bundle, attempts) = try open(stale)
    #expect(attempts == 4)
    #expect(bundle.generation == 4 && bundle.check(.full).allSatisfy { $0.severity == .note })
  }

  /// Records that are half written when they are read, at every byte.
  @Test func aTornRecordIsLookedAtAgain() throws {
    let before = try folder.read("a.ctpack")
    try edit("new")
    let after = try folder.read("a.ctpack")
    let record = 4096..<4096 + 128
    for count in stride(from: 1, to: 119, by: 7) {
      var torn = after
      torn.replaceSubrange(record, with: before[record])
      torn.replaceSubrange(
        record.lowerBound..<record.lowerBound + count,
        with: after[record.lowerBound..<record.lowerBound + count])
      // A record with its end mark, as it looks where the last byte is visible before the others.
      torn[record.upperBound - 1] = after[record.upperBound - 1]
      try folder.write("torn", torn)
      let (bundle, attempts) = try open([try MappedFile(path: folder.file("torn"))])
      #expect(attempts == 2 && bundle.generation == 2, "\(count) bytes")
      #expect(bundle.problems.isEmpty)
    }
  }

  /// A compaction renames a new file over the one that is being opened.
  @Test func aCompactionInBetweenIsNoDamage() throws {
    try edit("one")
    let old = try MappedFile(path: path)
    try edit("two")
    try BundleEditor.compact(path, to: path)
    let (bundle, attempts) = try open([old])
    #expect(attempts == 2 && bundle.generation == 1)
    #expect(try bundle.adapters.map(\.name) == ["demo", "one", "two"])
  }

  /// A damaged file is the same at the second look.
  @Test func damageIsRefusedAtOnce() throws {
    try edit("new")
    let good = try folder.read("a.ctpack")
    for length in [100, 5000, good.count / 2, good.count - 1] {
      try folder.write("a.ctpack", Array(good.prefix(length)))
      var attempts = 0
      let failure = #expect(throws: Failure.self) {
        _ = try ModelBundle(path: path) { (path) throws(Failure) in
          attempts += 1
          return try MappedFile(path: path)
        }
      }
      #expect(failure?.kind == .invalidData && attempts <= 2, "\(length): \(attempts)")
      #expect(try ModelBundle.audit(path: path, level: .none).isEmpty == false)
    }
    var flipped = good
    flipped[4096 + 50] ^= 1
    try folder.write("a.ctpack", flipped)
    let (bundle, attempts) = try open([])
    #expect(attempts == 2 && bundle.generation == 1)
    #expect(bundle.problems.contains { $0.severity == .error })
  }

  /// A file that never comes to rest is given up after a while.
  @Test func aFileThatAlwaysChangesIsGivenUp() throws {
    let good = try folder.read("a.ctpack")
    var attempts = 0
    let failure = #expect(throws: Failure.self) {
      _ = try ModelBundle(path: path) { (path) throws(Failure) in
        attempts += 1
        let name = folder.file("cut")
        try AtomicFile.write(Array(good.prefix(good.count - attempts)), to: name)
        return try MappedFile(path: name)
      }
    }
    #expect(failure?.kind == .invalidData && attempts == 100)
  }

  /// Readers beside an editor, on threads: every look at the file finds a sound bundle.
  @Test func readersBesideAnEditorFindNoDamage() throws {
    let faults = Counter()
    let reads = Counter()
    let edits = Counter()
    Parallel.forEach(4) { index in
      for round in 0..<60 {
        do {
          if index == 0 {
            try BundleEditor.append(
              to: path,
              sections: [
                .adapter(Samples.prompt("p\(round % 3)", weights: nil, unvalidated: true))
              ])
            if round % 20 == 19 { try BundleEditor.compact(path, to: path) }
            edits.add()
          } else {
            let problems = try ModelBundle.audit(path: path, level: .full)
            if problems.contains(where: { $0.severity == .error }) { faults.add() }
            reads.add()
          }
        } catch {
          faults.add()
        }
      }
    }
    #expect(faults.value == 0 && edits.value == 60 && reads.value == 180)
  }
}
