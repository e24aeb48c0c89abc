import Builds
import BundleFormat
import Bytes
import Foundation
import Pipeline
import Synchronization
import TestSupport
import Testing

/// The verify stage of a tiny build: its ratios and divergences, and interruptions at every window.
@Suite struct VerifyStageTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyCheckpoint().write(to: folder)
    for (seed, name) in ["train.txt", "dev.txt", "test.txt"].enumerated() {
      try folder.write(name, TinyCheckpoint.text(words: 400, seed: UInt64(seed + 1)))
    }
    try folder.write(
      "small.yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 4, length: 32}
      compression: {method: rtn, bits: 3, group_size: 8}
      prompt: {name: p, kind: hard, hard_text: the cat}
      evaluation:
        - {text: test.txt, protocol: ctp-32, windows: 4, divergence: true}
        - {text: dev.txt, protocol: llamacpp-32, windows: 3}
        - {name: again, text: dev.txt, protocol: llamacpp-32, windows: 3, divergence: true}
      """)
  }

  private func build(
    _ work: String, fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in },
    stop: @escaping @Sendable () -> Bool = { false }
  ) throws -> Build {
    try Build(
      stages: BuildPlan(Recipe(path: folder.file("small.yaml"))).stages,
      store: Store(folder: folder.file(work), create: true, fault: fault), kernels: "plain",
      progress: BuildProgress(style: .quiet), stop: stop)
  }

  /// The digest of the measurements after running through the verify stage.
  private func evidence(
    _ work: String, fault: @escaping @Sendable (FaultPoint) throws -> Void = { _ in },
    stop: @escaping @Sendable () -> Bool = { false }
  ) throws -> SHA256Digest? {
    try build(work, fault: fault, stop: stop).run(until: "verify").last?.outputs["evidence"]?.digest
  }

  private func records(_ digest: SHA256Digest?, _ work: String) throws -> [EvidenceRecord] {
    let hex = try #require(digest).hex
    let json = try JSON(parsing: folder.read("\(work)/objects/\(hex)"))
    return try (json.array ?? []).map { try EvidenceRecord(json: $0) }
  }

  @Test func everyNumberIsComparedWithTheFullModels() throws {
    let records = try records(evidence("work"), "work")
    #expect(records.count == 12)
    for text in ["test", "dev", "again"] {
      let own = records.filter { $0.text == text }
      #expect(own.map(\.model) == ["full", "full", "compressed", "compressed"])
      #expect(own.map(\.prompt) == [nil, "p", nil, "p"])
      let full = own[0]
      #expect(full.ratio == nil && full.divergence == nil)
      #expect(own.allSatisfy { $0.basis.differences(from: full.basis).isEmpty })
      #expect(own.allSatisfy { $0.tokenizerDigest == full.tokenizerDigest })
      #expect(full.tokenizerDigest != nil && full.textDigest != nil && full.arithmetic == nil)
      for record in own[1...] {
        let ratio = try #require(record.ratio)
        #expect(ratio.modelDigest == full.modelDigest)
        #expect(abs(ratio.value / (record.ppl / full.ppl) - 1) < 1e-9)
        let error = try #require(ratio.standardError)
        #expect(error > 0)
        guard text != "dev" else {
          #expect(record.divergence == nil)
          continue
        }
        let divergence = try #require(record.divergence)
        #expect(divergence.modelDigest == full.modelDigest)
        #expect(abs(divergence.basePerplexity.value / full.ppl - 1) < 1e-9)
        #expect(abs(exp(divergence.lnRatio.value) / ratio.value - 1) < 1e-9)
        #expect(divergence.kl.mean.value > 0)
      }
    }
    // The same measurement under two names, with and without the divergence.
    let (plain, compared) = (
      records.filter { $0.text == "dev" }, records.filter { $0.text == "again" }
    )
    #expect(plain.map(\.ppl) == compared.map(\.ppl))
    #expect(plain.map(\.ratio) == compared.map(\.ratio))
  }

  /// Stopped at the n-th safe point, and again after the next few, it ends with the same bytes.
  @Test(arguments: [1, 2, 9, 12, 31, 40, 70])
  func aStoppedMeasurementIsResumed(_ most: Int) throws {
    let expected = try evidence("reference")
    try build("work").run(until: "prompt")
    var interruptions = 0
    for _ in 0..<3 {
      let calls = Mutex(0)
      do {
        // Four reused stages ask as well.
        let found = try evidence(
          "work",
          stop: {
            calls.withLock {
              $0 += 1
              return $0 > 5 + most
            }
          })
        #expect(found == expected)
      } catch let failure as Failure {
        #expect(failure.kind == .interrupted)
        interruptions += 1
      }
    }
    #expect(try evidence("work") == expected)
    #expect(interruptions > 0, "nothing was interrupted")
  }

  /// A crash after the n-th saved state.
  @Test(arguments: [1, 4, 5, 6, 8, 10, 14, 17])
  func aCrashLosesNothing(_ occurrence: Int) throws {
    let expected = try evidence("reference")
    try build("work").run(until: "prompt")
    let seen = Counter()
    #expect(throws: Crash.self) {
      _ = try evidence(
        "work",
        fault: { point in
          guard point == .partialWritten else { return }
          seen.add()
          if seen.value == occurrence { throw Crash() }
        })
    }
    #expect(try evidence("work") == expected)
  }

  /// A saved window of the full model that is damaged is named, and measured again by the next run;
  /// one that is gone is measured again at once.
  @Test func damagedStatesAreMeasuredAgain() throws {
    let expected = try evidence("reference")
    for damages in [true, false] {
      let work = "work \(damages)"
      try build(work).run(until: "prompt")
      let seen = Counter()
      // Four windows and the end of the full model's measurement are saved before this.
      #expect(throws: Crash.self) {
        _ = try evidence(
          work,
          fault: { point in
            guard point == .partialWritten else { return }
            seen.add()
            if seen.value == 6 { throw Crash() }
          })
      }
      let partial = TemporaryFolder.names(in: folder.file("\(work)/partial"))
      let state = "\(work)/partial/\(try #require(partial.first))/reference-0-2.state"
      if damages {
        var bytes = try folder.read(state)
        bytes[40] ^= 1
        try folder.write(state, bytes)
        let failure = #expect(throws: Failure.self) { try evidence(work) }
        #expect(failure?.kind == .invalidData)
        #expect(failure?.finding.contains("window 2") == true)
        #expect(failure?.advice?.contains("same command") == true)
      } else {
        try FileManager.default.removeItem(atPath: folder.file(state))
      }
      #expect(try evidence(work) == expected)
    }
  }
}
