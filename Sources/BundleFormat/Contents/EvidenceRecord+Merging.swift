import Bytes

/// The members of a record that say what was measured, rather than the result.
private struct Measured: Hashable {
  let `protocol`, text: String
  let textDigest: SHA256Digest?
  let model: String
  let modelDigest: SHA256Digest?
  let prompt: String?
  let windows: Int
  let arithmetic: String
  let rule: String?
  let deciding: Int?
  let taskFile: SHA256Digest?
  let shots: Int?

  init(_ record: EvidenceRecord) {
    `protocol` = record.protocol
    text = record.text
    textDigest = record.textDigest
    model = record.model
    modelDigest = record.modelDigest
    prompt = record.prompt
    windows = record.windows
    arithmetic = record.basis.arithmetic
    rule = record.choice?.rule
    deciding = record.choice?.deciding
    taskFile = record.task?.files.first { $0.role == "task" }?.file.sha256
    shots = record.task?.shots
  }
}

extension EvidenceRecord {
  /// Whether both are of the same tokens, weights, arithmetic and prompt (or way to choose one), so
  /// that the newer one replaces the older. A record without its tokenizer's digest may be of any.
  public func isSameMeasurement(as other: EvidenceRecord) -> Bool {
    Measured(self) == Measured(other)
      && (tokenizerDigest == nil || other.tokenizerDigest == nil
        || tokenizerDigest == other.tokenizerDigest)
  }

  /// The records of `old` that `records` don't replace, followed by `records`.
  public static func merged(
    _ old: [EvidenceRecord], with records: [EvidenceRecord]
  ) -> [EvidenceRecord] {
    let replaced = Dictionary(grouping: records, by: Measured.init)
    return old.filter { record in
      !(replaced[Measured(record)] ?? []).contains { record.isSameMeasurement(as: $0) }
    } + records
  }

  /// Whether the number was measured with the prompt `name`, as the only one or as one of several.
  public func uses(prompt name: String) -> Bool {
    choice.map { $0.shares.contains { $0.prompt == name } } ?? (prompt == name)
  }
}
