import BundleFormat
import Bytes
import TestSupport
import Testing

/// Prefixes, low-rank parts and hard prompts in a bundle, beside soft prompts and under their rules.
@Suite struct AdapterTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
  }

  static let forms: [Prompt.Form] = [
    .embeddings(tokens: 2, width: 3, ids: [5, 70000]), .prefix(tokens: 2, layers: 3, width: 4),
    .lowRank(
      rank: 2, alpha: 3.5,
      targets: [
        Prompt.Target(tensor: "a.two", outputs: 3, inputs: 70),
        Prompt.Target(tensor: "d.f16", outputs: 3, inputs: 5),
      ]),
  ]

  func adapter(_ name: String, _ form: Prompt.Form) throws -> Prompt {
    Prompt(
      name: name, form: form,
      values: (0..<(form.count ?? 0)).map { Float($0) / 16 - 1 },
      binding: .init(
        baseModel: Samples.digest("model"), tokenizer: nil,
        weights: try ModelBundle(path: path).weightsDigest),
      objective: "cross-entropy", training: ["steps": 3])
  }

  @Test func sizesFollowFromTheForm() {
    #expect(Self.forms.map(\.count) == [6, 48, 2 * (3 + 70 + 3 + 5)])
    #expect(Self.forms.map(\.tokens) == [2, 2, 0])
    #expect(Self.forms.map(\.kind) == ["hard", "prefix", "lora"])
    #expect(Prompt.Form.embeddings(tokens: 2, width: 3, ids: [1]).count == nil)
    #expect(Prompt.Form.prefix(tokens: 1 << 24, layers: 1 << 24, width: 1 << 24).count == nil)
    #expect(Prompt.Form.prefix(tokens: 0, layers: 1, width: 1).count == nil)
    #expect(Prompt.Form.lowRank(rank: 1, alpha: .infinity, targets: []).count == nil)
  }

  @Test(arguments: forms.indices)
  func theyComeBackAndBothReadersAcceptThem(_ index: Int) throws {
    let sent = try adapter("x", Self.forms[index])
    try BundleEditor.append(to: path, sections: [.prompt(sent)])
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(try bundle.prompt(named: "x") == sent)
    #expect(try bundle.prompts.map(\.name).contains("x"))
    guard PythonReader.python != nil else { return }
    let result = try PythonReader.run([path, "--check"])
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test func namesAreSharedWithPrompts() throws {
    let prefix = try adapter("demo", Self.forms[1])
    let refused = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [.prompt(prefix)])
    }
    #expect(refused?.kind == .usage)
    try BundleEditor.append(
      to: path, sections: [.prompt(prefix)],
      removing: [BundleEditor.Key(type: .prompt, name: "demo")])
    #expect(try ModelBundle(path: path, verify: .full).prompt(named: "demo")?.form.kind == "prefix")
    #expect(throws: Failure.self) {
      var writer = BundleWriter(path: folder.file("b.ctpack"))
      writer.addPrompt(prefix)
      writer.addPrompt(Samples.prompt("demo", weights: nil))
      try writer.finish()
    }
  }

  /// The audit knows the weights that an adapter was made for, and the tensors it stands beside.
  @Test func theAuditSeesWhatDoesNotFit() throws {
    func findings(_ adapter: Prompt) throws -> [String] {
      try BundleEditor.append(to: path, sections: [.prompt(adapter)])
      return try ModelBundle(path: path).check(.full).filter { $0.severity == .error }.map(
        \.description)
    }
    var foreign = try adapter("x", Self.forms[1])
    foreign.binding.weights = Samples.digest("others")
    #expect(try findings(foreign).contains { $0.contains("neither learned nor measured") })
    var infinite = try adapter("x", Self.forms[1])
    infinite.values[3] = .infinity
    #expect(try findings(infinite).contains { $0.contains("isn't finite") })
    let missing = Prompt.Target(tensor: "nothing", outputs: 3, inputs: 5)
    let beside = try adapter("x", .lowRank(rank: 1, alpha: 1, targets: [missing]))
    #expect(try findings(beside).contains { $0.contains("nothing") })
  }
}
