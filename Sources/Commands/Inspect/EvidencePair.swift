import BundleFormat
import Bytes

/// Two bundles' measurements of one text, model and prompt that aren't the same.
struct EvidencePair {
  let first: EvidenceRecord
  let second: EvidenceRecord
  /// The properties in which they differ, so that their numbers can't be compared.
  let differences: [MeasurementBasis.Difference]

  /// The members that two measurements share if they are a pair: text, model, prompt and rule of choice.
  private struct Subject: Hashable {
    let text, model: String
    let prompt, rule: String?
    let deciding: Int?

    init(_ record: EvidenceRecord) {
      (text, model, prompt) = (record.text, record.model, record.prompt)
      (rule, deciding) = (record.choice?.rule, record.choice?.deciding)
    }
  }

  private struct Measured: Hashable {
    let subject: Subject
    let basis: MeasurementBasis
  }

  /// The pairs of two bundles, in the order of the first: of several measurements of a subject, the
  /// one that may be compared, otherwise the first.
  static func all(_ first: [EvidenceRecord], _ second: [EvidenceRecord]) -> [EvidencePair] {
    var (exact, any) = ([Measured: EvidenceRecord](), [Subject: EvidenceRecord]())
    for record in second {
      let subject = Subject(record)
      if any[subject] == nil { any[subject] = record }
      let key = Measured(subject: subject, basis: record.basis)
      if exact[key] == nil { exact[key] = record }
    }
    return first.compactMap { record in
      let subject = Subject(record)
      let key = Measured(subject: subject, basis: record.basis)
      guard let other = exact[key] ?? any[subject], other != record else { return nil }
      return EvidencePair(
        first: record, second: other, differences: record.basis.differences(from: other.basis))
    }
  }

  /// The measurement and both numbers, or why they can't be compared.
  var line: String {
    let prompt = first.prompt.map { " + `\($0)`" } ?? ""
    let rule = first.choice.map { " (\($0.rule))" } ?? ""
    let place = "\(first.text), \(first.model)\(prompt)\(rule): ppl"
    guard differences.isEmpty else {
      return "\(place) can't be compared: they differ in \(MeasurementBasis.list(differences))"
    }
    return "\(place) \(Figure.short(first.ppl)) → \(Figure.short(second.ppl))"
      + " (× \(Figure.fixed(second.ppl / first.ppl, 4)))"
  }

  var json: JSON {
    [
      "text": .string(first.text), "model": .string(first.model),
      "prompt": first.prompt.map { .string($0) } ?? .null, "first_ppl": .number(first.ppl),
      "second_ppl": .number(second.ppl),
      "ratio": differences.isEmpty ? .number(second.ppl / first.ppl) : .null,
      "differences": .array(differences.map { .string($0.name) }),
    ]
  }
}
