import Builds
import Bytes
import Foundation
import Pipeline
import TestSupport
import Testing

/// The inputs of blocks, kept in memory or in files: crashes, and other memory budgets after them,
/// give the same compressed model.
@Suite struct CalibrationRowsTests {
  let folder: TemporaryFolder

  /// Memory budgets in bytes that keep all rows in files, or none.
  private static let budgets = [1, 8 << 30]

  init() throws {
    folder = try TemporaryFolder()
    try TinyCheckpoint().write(to: folder)
    try folder.write("train.txt", TinyCheckpoint.text(words: 1500, seed: 1))
    try folder.write(
      "small.yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 300, length: 32}
      compression: {bits: 3, group_size: 16, drift: none}
      """)
    try folder.write(
      "drift.yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 300, length: 32}
      compression: {bits: 3, group_size: 16}
      """)
  }

  /// Runs a build through `compress` and returns the digest of the compressed model.
  private func compress(
    _ work: String, memory: Int, recipe name: String = "small.yaml",
    fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in }
  ) throws -> SHA256Digest? {
    var recipe = try Recipe(path: folder.file(name))
    recipe.memory = memory
    let store = try Store(folder: folder.file(work), create: true, fault: fault)
    let build = try Build(
      stages: try BuildPlan(recipe).stages, store: store, kernels: "plain",
      progress: BuildProgress(style: .quiet))
    return try build.run(until: "compress").last?.outputs["compressed"]?.digest
  }

  /// Returns the files of rows in the partial state of unfinished stages.
  private func rowFiles(_ work: String) throws -> [String] {
    let partial = folder.file(work + "/partial")
    return TemporaryFolder.names(in: partial).flatMap { key in
      TemporaryFolder.names(in: partial + "/" + key)
        .filter { $0.contains("rows-") && $0.hasSuffix(".f32") }
        .map { work + "/partial/" + key + "/" + $0 }
    }
  }

  @Test(arguments: [0, 1], [0, 1])
  func crashesAndOtherBudgetsGiveTheSameBytes(first: Int, second: Int) throws {
    let expected = try compress("reference", memory: 8 << 30)
    var crashes = 0
    for occurrence in 1...20 {
      let work = "work-\(occurrence)"
      let seen = Counter()
      do {
        let digest = try compress(work, memory: Self.budgets[first]) { point in
          if point == .partialWritten { seen.add() }
          if point == .partialWritten, seen.value == occurrence { throw Crash() }
        }
        #expect(digest == expected)
        break
      } catch is Crash { crashes += 1 }
      if first == 0 { #expect(try !rowFiles(work).isEmpty) }
      #expect(try compress(work, memory: Self.budgets[second]) == expected)
      #expect(try rowFiles(work).isEmpty, "files are left over")
    }
    // One state per block; with rows in files, also one for the inputs of each block but the first.
    #expect(crashes == (first == 0 ? 5 : 3))
  }

  /// With drift correction, the uncompressed model's rows are kept too, and a crash may leave one
  /// stream one block short of the other.
  @Test(arguments: [0, 1], [0, 1])
  func bothStreamsCatchUp(first: Int, second: Int) throws {
    let expected = try compress("reference", memory: 8 << 30, recipe: "drift.yaml")
    #expect(try compress("plain", memory: 8 << 30) != expected)
    var crashes = 0
    for occurrence in 1...20 {
      let work = "work-\(occurrence)"
      let seen = Counter()
      do {
        let digest = try compress(work, memory: Self.budgets[first], recipe: "drift.yaml") {
          point in
          if point == .partialWritten { seen.add() }
          if point == .partialWritten, seen.value == occurrence { throw Crash() }
        }
        #expect(digest == expected)
        break
      } catch is Crash { crashes += 1 }
      if first == 0 {
        #expect(try rowFiles(work).contains { $0.contains("/full-rows-") })
      }
      #expect(try compress(work, memory: Self.budgets[second], recipe: "drift.yaml") == expected)
      #expect(try rowFiles(work).isEmpty, "files are left over")
    }
    // One state per block; with rows in files, also two for the inputs of each block but the first.
    #expect(crashes == (first == 0 ? 7 : 3))
  }

  /// Damaged rows are treated as absent, and recomputed.
  @Test(arguments: [0, 1]) func damagedRowsAreRecomputed(second: Int) throws {
    let expected = try compress("reference", memory: 8 << 30)
    let seen = Counter()
    #expect(throws: Crash.self) {
      // Crashes after the inputs of the third block were saved.
      try compress("work", memory: 1) { point in
        if point == .partialWritten { seen.add() }
        if point == .partialWritten, seen.value == 4 { throw Crash() }
      }
    }
    let files = try rowFiles("work")
    #expect(files.count == 6, "three chunks, two sets: \(files)")
    for name in files {
      var bytes = try folder.read(name)
      bytes[bytes.count / 2] ^= 1
      try folder.write(name, bytes)
    }
    #expect(try compress("work", memory: Self.budgets[second]) == expected)
  }
}
