import BundleFormat
import Bytes
import TestSupport
import Testing

/// Prefixes, low-rank parts and hard prompts in a bundle, beside soft prompts and under their rules.
@Suite struct StoredAdapterTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
  }

  static let shapes: [AdapterShape] = [
    .embeddings(tokens: 2, width: 3, ids: [5, 70000]), .prefix(tokens: 2, layers: 3, width: 4),
    .lowRank(
      LowRankShape(
        rank: 2, alpha: 3.5,
        targets: [
          LowRankTarget(tensor: "a.two", outputs: 3, inputs: 70),
          LowRankTarget(tensor: "d.f16", outputs: 3, inputs: 5),
        ])),
  ]

  func adapter(_ name: String, _ shape: AdapterShape) throws -> StoredAdapter {
    StoredAdapter(
      name: name, shape: shape,
      values: (0..<(shape.count ?? 0)).map { Float($0) / 16 - 1 },
      binding: .init(
        baseModel: Samples.digest("model"), tokenizer: nil,
        weights: try ModelBundle(path: path).weightsDigest),
      objective: "cross-entropy", training: ["steps": 3])
  }

  @Test func sizesFollowFromTheShape() {
    #expect(Self.shapes.map(\.count) == [6, 48, 2 * (3 + 70 + 3 + 5)])
    #expect(Self.shapes.map(\.tokens) == [2, 2, 0])
    #expect(Self.shapes.map(\.kind) == [.hard, .prefix, .lora])
    #expect(AdapterShape.embeddings(tokens: 2, width: 3, ids: [1]).count == nil)
    #expect(AdapterShape.prefix(tokens: 1 << 24, layers: 1 << 24, width: 1 << 24).count == nil)
    #expect(AdapterShape.prefix(tokens: 0, layers: 1, width: 1).count == nil)
    #expect(LowRankShape(rank: 1, alpha: .infinity, targets: []).count == nil)
  }

  @Test(arguments: shapes.indices)
  func theyComeBackAndBothReadersAcceptThem(_ index: Int) throws {
    let sent = try adapter("x", Self.shapes[index])
    try BundleEditor.append(to: path, sections: [.adapter(sent)])
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(try bundle.adapter(named: "x") == sent)
    #expect(try bundle.adapters.map(\.name).contains("x"))
    guard PythonReader.python != nil else { return }
    let result = try PythonReader.run([path, "--check"])
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test func namesAreSharedWithPrompts() throws {
    let prefix = try adapter("demo", Self.shapes[1])
    let refused = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [.adapter(prefix)])
    }
    #expect(refused?.kind == .usage)
    try BundleEditor.append(
      to: path, sections: [.adapter(prefix)],
      removing: [BundleEditor.Key(type: .prompt, name: "demo")])
    #expect(
      try ModelBundle(path: path, verify: .full).adapter(named: "demo")?.shape.kind == .prefix)
    #expect(throws: Failure.self) {
      var writer = BundleWriter(path: folder.file("b.ctpack"))
      writer.addAdapter(prefix)
      writer.addAdapter(Samples.prompt("demo", weights: nil))
      try writer.finish()
    }
  }

  /// The audit knows the weights that an adapter was made for, and the tensors it stands beside.
  @Test func theAuditSeesWhatDoesNotFit() throws {
    func findings(_ adapter: StoredAdapter) throws -> [String] {
      let target = folder.file("other.ctpack")
      try Signing.rewrite(path, to: target, adding: [.adapter(adapter)])
      return try ModelBundle(path: target).check(.full).filter { $0.severity == .error }.map(
        \.description)
    }
    var foreign = try adapter("x", Self.shapes[1])
    foreign.binding.weights = Samples.digest("others")
    #expect(try findings(foreign).contains { $0.contains("neither learned nor measured") })
    var infinite = try adapter("x", Self.shapes[1])
    infinite.values[3] = .infinity
    #expect(try findings(infinite).contains { $0.contains("isn't finite") })
    let missing = LowRankTarget(tensor: "nothing", outputs: 3, inputs: 5)
    let beside = try adapter("x", .lowRank(LowRankShape(rank: 1, alpha: 1, targets: [missing])))
    #expect(try findings(beside).contains { $0.contains("nothing") })
  }
}
