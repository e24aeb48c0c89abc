import Bytes

extension EvidenceRecord {
  /// Whether both are of the same tokens, weights and prompt (or way to choose one), so that the
  /// newer one replaces the older.
  public func isSameMeasurement(as other: EvidenceRecord) -> Bool {
    `protocol` == other.protocol && text == other.text && textDigest == other.textDigest
      && model == other.model && modelDigest == other.modelDigest && prompt == other.prompt
      && windows == other.windows && choice?.rule == other.choice?.rule
      && choice?.deciding == other.choice?.deciding
  }

  /// The records of `old` that `records` don't replace, followed by `records`.
  public static func merged(
    _ old: [EvidenceRecord], with records: [EvidenceRecord]
  ) -> [EvidenceRecord] {
    old.filter { old in !records.contains { $0.isSameMeasurement(as: old) } } + records
  }

  /// Whether the number was measured with the prompt `name`, as the only one or as one of several.
  public func uses(prompt name: String) -> Bool {
    choice.map { $0.shares.contains { $0.prompt == name } } ?? (prompt == name)
  }
}
