import BundleFormat
import Bytes
import Foundation
import Prompts
import TestSupport
import Testing

/// Transfers and measurements that were prepared on one state of the target and written to another: what
/// others committed meanwhile stays, or the later one is told to try again.
@Suite struct InterleavedTransferTests {
  let bundles: TransferTests

  init() throws { bundles = try TransferTests() }

  private func transfer(
    _ source: ModelBundle, _ target: ModelBundle, as name: String, ppl: Double, text: String = "t"
  ) throws -> (Transfer, EvidenceRecord) {
    var transfer = try Transfer(from: source, to: target, as: name)
    transfer.add(
      Validation(
        weights: transfer.targetWeights, protocol: "ctp-16", text: text, textDigest: nil,
        pplWithout: 9, pplWith: ppl, scoredTokens: 15))
    let record = EvidenceRecord(
      protocol: "ctp-16", text: text, textDigest: nil, model: "compressed",
      modelDigest: target.weightsDigest, prompt: name, ppl: ppl, pplStandardError: 0, nll: 1,
      scoredTokens: 15, tokens: 16, windows: 1)
    return (transfer, record)
  }

  private func expectBusy(
    _ target: ModelBundle, _ words: [String], because reason: Failure.Reason? = nil,
    _ body: () throws -> Void
  ) throws {
    let before = try MappedFile(path: target.path).bytes.array
    let failure = #expect(throws: Failure.self) { try body() }
    #expect(failure?.kind == .busy && failure?.file == target.path, "\(failure as Any)")
    #expect(failure?.reason == reason)
    for word in words {
      #expect(failure?.description.contains(word) == true, "\(word): \(failure as Any)")
    }
    #expect(try MappedFile(path: target.path).bytes.array == before)
  }

  @Test func bothPromptsAndTheirMeasurementsArrive() throws {
    let source = try bundles.bundle("a", weight: 1, prompts: ["p"])
    let target = try bundles.bundle("b", weight: 2)
    let (first, one) = try transfer(source, target, as: "x", ppl: 8)
    let (second, two) = try transfer(source, target, as: "y", ppl: 7)
    try second.write(adding: [two])
    try first.write(adding: [one])
    let after = try ModelBundle(path: target.path, verify: .full)
    #expect(try after.evidence == [two, one])
    #expect(try after.adapters.map(\.name) == ["x", "y"])
    #expect(try after.adapters.allSatisfy { !$0.unvalidated })
    #expect(after.generation == 3)
  }

  @Test func aNameThatWasTakenMeanwhileIsBusy() throws {
    let source = try bundles.bundle("a", weight: 1, prompts: ["p"])
    let other = try bundles.bundle("c", weight: 1, prompts: ["unused", "q"])
    let target = try bundles.bundle("b", weight: 2)
    let (first, one) = try transfer(source, target, as: "x", ppl: 8)
    try Transfer("q", from: other, to: target, as: "x").write(allowUnvalidated: true)
    try expectBusy(target, ["“x”", "meanwhile"], because: .promptNameTaken) {
      try first.write(adding: [one])
    }
    #expect(try ModelBundle(path: target.path).adapter(named: "x")?.values.first == 10)
  }

  /// Two measurements of the same prompt on two texts at once.
  @Test func theSamePromptKeepsBothMeasurements() throws {
    let source = try bundles.bundle("a", weight: 1, prompts: ["p"])
    let target = try bundles.bundle("b", weight: 2)
    let (first, one) = try transfer(source, target, as: "x", ppl: 8, text: "one")
    let (second, two) = try transfer(source, target, as: "x", ppl: 7, text: "two")
    try first.write(adding: [one])
    try second.write(adding: [two])
    let after = try ModelBundle(path: target.path, verify: .full)
    #expect(try after.evidence == [one, two])
    let prompt = try #require(try after.adapter(named: "x"))
    #expect(prompt.validatedOn.map(\.text) == ["one", "two"])
    // Without a measurement of its own, the next transfer doesn't take that one away.
    try Transfer(from: source, to: after, as: "x").write()
    let again = try #require(try ModelBundle(path: target.path).adapter(named: "x"))
    #expect(again.validatedOn.map(\.text) == ["one", "two"] && !again.unvalidated)
  }

  @Test func otherWeightsAreBusy() throws {
    let source = try bundles.bundle("a", weight: 1, prompts: ["p"])
    let target = try bundles.bundle("b", weight: 2)
    let (first, one) = try transfer(source, target, as: "x", ppl: 8)
    let other = try bundles.bundle("new", weight: 3)
    #expect(unsafe rename(other.path, target.path) == 0)
    try expectBusy(target, ["weights", target.weightsDigest.hex, other.weightsDigest.hex]) {
      try first.write(adding: [one])
    }
    // The unmeasured transfer was allowed on the old weights, not on these.
    try expectBusy(target, ["weights"]) {
      try Transfer(from: source, to: target).write(allowUnvalidated: true)
    }
  }

  @Test func aPromptThatWasRemovedMeanwhileStaysAway() throws {
    let target = try bundles.bundle("b", weight: 2, prompts: ["p"])
    let (first, one) = try transfer(target, target, as: "p", ppl: 8)
    try AdapterLibrary.remove(["p"], from: target.path)
    try expectBusy(target, ["\"p\"", "removed"]) { try first.write(adding: [one]) }
  }

  @Test func storedMeasurementsAreOfThePromptsThatAreThere() throws {
    let target = try bundles.bundle("b", weight: 2, prompts: ["p", "q"])
    let (_, record) = try transfer(
      try bundles.bundle("a", weight: 1, prompts: ["p"]), target, as: "p", ppl: 8)
    let prompts = try target.adapters
    let model = try target.measuredModel
    func store(_ names: [String]) throws {
      try AdapterLibrary.store(
        [record], validations: [(names[0], bundles.validation(model.weights))],
        of: prompts.filter { names.contains($0.name) }, on: model, in: target.path)
    }
    // Somebody measures on another text, which changes the prompt's record and not its values.
    let other = EvidenceRecord(
      protocol: "ctp-16", text: "other", textDigest: nil, model: "compressed",
      modelDigest: model.weights, prompt: "p", ppl: 5, pplStandardError: 0, nll: 1,
      scoredTokens: 15, tokens: 16, windows: 1)
    var elsewhere = bundles.validation(model.weights)
    elsewhere.text = "other"
    try AdapterLibrary.store(
      [other], validations: [("p", elsewhere)], of: prompts, on: model, in: target.path)
    try store(["p", "q"])
    let now = try ModelBundle(path: target.path)
    #expect(try now.evidence == [other, record])
    #expect(try now.adapter(named: "p")?.validatedOn.map(\.text) == ["other", "t"])

    try AdapterLibrary.remove(["q"], from: target.path)
    try expectBusy(target, ["\"q\"", "removed"]) { try store(["p", "q"]) }
    try store(["p"])
    try AdapterLibrary.remove(["p"], from: target.path)
    let replacing = try bundles.bundle("d", weight: 1, prompts: ["z", "q"])
    try Transfer("q", from: replacing, to: ModelBundle(path: target.path), as: "p")
      .write(allowUnvalidated: true)
    try expectBusy(target, ["\"p\"", "replaced"]) { try store(["p"]) }
  }

  @Test func aNameIsFreeUntilSomebodyTakesIt() throws {
    let source = try bundles.bundle("a", weight: 1, prompts: ["p"])
    let target = try bundles.bundle("b", weight: 2)
    try target.checkFree("p")
    try Transfer(from: source, to: target).write(allowUnvalidated: true)
    try expectBusy(target, ["“p”"], because: .promptNameTaken) {
      try BundleEditor.edit(target.path) { (edit) throws(Failure) in
        try edit.checkStillFree("q")
        try edit.checkStillFree("p")
      }
    }
  }
}
