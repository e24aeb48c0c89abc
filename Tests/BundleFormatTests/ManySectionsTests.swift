import BundleFormat
import Bytes
import TestSupport
import Testing

/// Bundles of many sections: no step takes time with the square of their number.
@Suite struct ManySectionsTests {
  let folder: TemporaryFolder
  let path: String
  /// Tensors, and prompts with keys and values.
  private static let count = 3000

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("many.ctpack")
    var writer = BundleWriter(path: path)
    for index in 0..<Self.count {
      writer.addTensor(
        try .dense(name: "t\(index)", shape: [1], format: .float16, values: ByteSlice([0, 0])))
    }
    let weights = try writer.weightsDigest()
    for index in 0..<Self.count {
      let prompt = Samples.prompt("p\(index)", weights: weights)
      writer.addAdapter(prompt)
      writer.add(
        .keyValues(
          StoredKeyValues(
            of: prompt, layers: 1, width: 1, weights: weights,
            values: ByteSlice([UInt8](repeating: 0, count: 4 * prompt.tokens)))))
    }
    try writer.finish()
  }

  /// Fails if `body` takes minutes, as it would in quadratic time; it takes a few seconds at most.
  private func quickly(_ body: () throws -> Void) rethrows {
    let time = try ContinuousClock().measure(body)
    #expect(time < .seconds(25))
  }

  @Test func theyAreAuditedAndReadOneByOne() throws {
    try quickly {
      #expect(try ModelBundle.audit(path: path, level: .full).isEmpty)
      let bundle = try ModelBundle(path: path)
      for index in 0..<Self.count {
        #expect(try bundle.keyValues(of: "p\(index)") != nil)
      }
    }
  }

  @Test func allPromptsAreRemovedInOneEdit() throws {
    try quickly {
      try BundleEditor.append(
        to: path, sections: [],
        removing: (0..<Self.count).map { BundleEditor.Key(type: .prompt, name: "p\($0)") })
      let left = try ModelBundle(path: path)
      #expect(left.sections.count == Self.count)
      #expect(left.sections(of: .promptKeyValues).isEmpty)
    }
  }

  @Test func removingAPromptTwiceIsRefused() throws {
    let key = BundleEditor.Key(type: .prompt, name: "p1")
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [], removing: [key, key])
    }
    #expect(failure?.kind == .usage)
  }

  @Test func evidenceIsMergedInLinearTime() {
    func records(_ ppl: Double) -> [EvidenceRecord] {
      (0..<20_000).map { index in
        var record = Samples.evidence
        record.text = "text \(index)"
        record.ppl = ppl
        return record
      }
    }
    quickly {
      let merged = EvidenceRecord.merged(records(2), with: Array(records(3).dropFirst(5)))
      #expect(merged.count == 20_000)
      #expect(merged.prefix(5).allSatisfy { $0.ppl == 2 })
      #expect(merged.dropFirst(5).allSatisfy { $0.ppl == 3 })
    }
  }

  /// Texts of many lines are compared too, by all lines between the first and the last that differ.
  @Test func longTextsAreCompared() throws {
    func write(_ name: String, _ middle: [String]) throws -> ModelBundle {
      let lines = (0..<4000).map { "a\($0)" } + middle + (0..<4000).map { "b\($0)" }
      var writer = BundleWriter(path: folder.file(name))
      writer.add(
        .document(.recipe, bytes: ByteSlice(Array(lines.joined(separator: "\n").utf8))))
      try writer.finish()
      return try ModelBundle(path: folder.file(name))
    }
    try quickly {
      let first = try write("x.ctpack", (0..<20_000).map { "x\($0)" })
      let second = try write("y.ctpack", (0..<20_000).map { "y\($0)" })
      let changes = try BundleDifference(first, second).documents[0].changes
      #expect(changes.count == 40_000)
      let third = try write("z.ctpack", (0..<20_000).map { "x\($0)" } + ["new"])
      let one = try BundleDifference(first, third).documents[0].changes
      #expect(one.map(\.second) == ["new"])
    }
  }
}
