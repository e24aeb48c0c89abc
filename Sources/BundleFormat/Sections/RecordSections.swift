import Bytes

/// Records of the build and of measurements: JSON documents with members that are checked.
extension SectionKind {
  private static let informative = SectionFlags(optional: SectionFlags.informative)

  /// The inputs and the program that the bundle was made with.
  static let provenance = SectionKind(
    layouts: [.json], name: .fixed("provenance"), flags: informative
  ) { (content) throws(Failure) in
    _ = try Provenance(json: content.canonicalJSON())
    return nil
  }

  /// Measured perplexities.
  static let evidence = SectionKind(
    layouts: [.json], name: .fixed("evidence"), flags: informative
  ) { (content) throws(Failure) in
    try content.bundle.eachRecord(.evidence, in: content.canonicalJSON()) {
      (json) throws(Failure) in _ = try EvidenceRecord(json: json).similarity()
    }
    return nil
  }

  /// Numerical events of the build.
  static let events = SectionKind(
    layouts: [.json], name: .fixed("events"), flags: informative
  ) { (content) throws(Failure) in
    try content.bundle.eachRecord(.events, in: content.canonicalJSON()) {
      (json) throws(Failure) in _ = try EventRecord(json: json)
    }
    return nil
  }
}

extension NewSection {
  /// The provenance document.
  public static func provenance(_ provenance: Provenance) -> NewSection {
    document(.provenance, json: provenance.json)
  }

  /// The evidence document.
  public static func evidence(_ records: [EvidenceRecord]) -> NewSection {
    document(.evidence, json: .array(records.map(\.json)))
  }

  /// The document of numerical events.
  public static func events(_ records: [EventRecord]) -> NewSection {
    document(.events, json: .array(records.map(\.json)))
  }
}

extension ModelBundle {
  /// The inputs and the program that the bundle was made with; nil if they aren't recorded.
  /// - Throws: `invalidData` naming the member that is missing or mistyped.
  public var provenance: Provenance? {
    get throws(Failure) {
      guard let json = try json(.provenance) else { return nil }
      do throws(Failure) {
        return try Provenance(json: json)
      } catch {
        throw Failure(
          .invalidData, file: path, at: "provenance, " + (error.place ?? "value"), error.finding)
      }
    }
  }

  /// Measured perplexities, in the order of their recording; empty if the bundle has none.
  /// - Throws: `invalidData` naming the record and the member that is missing or out of range.
  public var evidence: [EvidenceRecord] {
    get throws(Failure) {
      try records(.evidence) { (json) throws(Failure) in try EvidenceRecord(json: json) }
    }
  }

  /// Numerical events of the build; empty if the bundle has none.
  /// - Throws: `invalidData` naming the record and the member that is missing or mistyped.
  public var events: [EventRecord] {
    get throws(Failure) {
      try records(.events) { (json) throws(Failure) in try EventRecord(json: json) }
    }
  }

  private func records<T>(
    _ type: SectionType, _ read: (JSON) throws(Failure) -> T
  ) throws(Failure) -> [T] {
    guard let json = try json(type) else { return [] }
    var records: [T] = []
    try eachRecord(type, in: json) { (json) throws(Failure) in records.append(try read(json)) }
    return records
  }

  /// Passes each element of a document's array to `read`, and locates its failures.
  fileprivate func eachRecord(
    _ type: SectionType, in json: JSON, _ read: (JSON) throws(Failure) -> Void
  ) throws(Failure) {
    guard let array = json.array else {
      throw Failure(
        .invalidData, file: path, at: "\(type)", "expected an array, found \(json.kindName)")
    }
    for (index, entry) in array.enumerated() {
      do throws(Failure) {
        try read(entry)
      } catch {
        throw Failure(
          .invalidData, file: path,
          at: "\(type), record \(index)" + (error.place.map { ", " + $0 } ?? ""), error.finding)
      }
    }
  }

  /// A contradiction between the provenance and the tokenizer in the bundle.
  func checkProvenance() -> [Problem] {
    guard let stated = try? provenance?.tokenizer, let actual = tokenizerDigest, stated != actual
    else { return [] }
    return [Problem(at: "provenance", "it names another tokenizer than the bundle holds")]
  }
}
