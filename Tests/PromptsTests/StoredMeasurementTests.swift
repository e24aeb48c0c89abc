import BundleFormat
import Bytes
import Prompts
import TestSupport
import Testing

/// Measurements that are stored with a bundle's prompts, and prompts that are removed with theirs.
@Suite struct StoredMeasurementTests {
  let bundles: TransferTests

  init() throws { bundles = try TransferTests() }

  private func record(
    _ bundle: ModelBundle, prompt: String?, choice: [String] = [], ppl: Double = 9
  ) -> EvidenceRecord {
    EvidenceRecord(
      protocol: "ctp-16", text: "t", textDigest: nil, model: "compressed",
      modelDigest: bundle.weightsDigest, prompt: prompt, ppl: ppl, pplStandardError: 0, nll: 1,
      scoredTokens: 15, tokens: 16, windows: 2,
      choice: choice.isEmpty
        ? nil
        : ChoiceRecord(
          rule: "attention",
          shares: choice.enumerated().map { .init(prompt: $1, windows: $0 == 0 ? 2 : 0) }))
  }

  @Test func measurementsAreStoredWithThePrompts() throws {
    let source = try bundles.bundle("a", weight: 1, prompts: ["p", "q"])
    let target = try bundles.bundle("b", weight: 2)
    try Transfer.write(
      ["p", "q"].map { try Transfer($0, from: source, to: target) }, allowUnvalidated: true)
    let records = [
      record(target, prompt: nil), record(target, prompt: "p"), record(target, prompt: "q"),
      record(target, prompt: "auto", choice: ["p", "q"]),
    ]
    let measured = bundles.validation(target.weightsDigest)
    let elsewhere = bundles.validation(source.weightsDigest)
    let model = try target.measuredModel
    let prompts = try ModelBundle(path: target.path).adapters
    func store(
      _ records: [EvidenceRecord], _ validations: [(prompt: String, of: Validation)]
    ) throws(Failure) {
      try AdapterLibrary.store(
        records, validations: validations, of: prompts, on: model, in: target.path)
    }
    #expect(
      bundles.isRefused(.notMet, naming: "other weights") {
        try store(records, [("p", elsewhere)])
      })
    #expect(bundles.isRefused(.usage, naming: "“x”") { try store(records, [("x", measured)]) })
    try store(records, [("p", measured)])
    var newer = records[1]
    newer.ppl = 7
    try store([newer], [])
    let after = try ModelBundle(path: target.path, verify: .full)
    #expect(try after.evidence == [records[0], records[2], records[3], newer])
    #expect(try after.adapters.map(\.unvalidated) == [false, true])
    #expect(try after.adapter(named: "p")?.validatedOn == [measured])

    try AdapterLibrary.remove(["q", "q"], from: target.path)
    let left = try ModelBundle(path: target.path, verify: .full)
    #expect(try left.adapters.map(\.name) == ["p"])
    #expect(
      try left.evidence == [records[0], newer], "the prompt's measurements are removed with it")
    #expect(
      bundles.isRefused(.usage, naming: "it has p") {
        try AdapterLibrary.remove(["p", "q"], from: target.path)
      })
    #expect(try ModelBundle(path: target.path).generation == left.generation)
  }
}
