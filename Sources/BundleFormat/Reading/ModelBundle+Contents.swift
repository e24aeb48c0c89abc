import Bytes

/// Adapters and documents. Documents have fixed names, one of each kind in a bundle.
extension ModelBundle {
  /// The name of the only section of a document's type.
  public static func documentName(_ type: SectionType) -> String {
    switch type {
    case .tokenizer: "tokenizer.json"
    case .modelConfiguration: "configuration"
    default: "\(type)"
    }
  }

  /// All adapters, sorted by name: soft and hard prompts, prefixes and LoRA.
  public var adapters: [StoredAdapter] {
    get throws(Failure) {
      var adapters: [StoredAdapter] = []
      for section in sections(of: .prompt) + sections(of: .adapter) {
        adapters.append(try adapter(section))
      }
      return adapters.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
  }

  /// The adapter `name`; nil where there is none of this name.
  public func adapter(named name: String) throws(Failure) -> StoredAdapter? {
    guard let section = adapterSection(named: name) else { return nil }
    return try adapter(section)
  }

  /// The section of the adapter `name`: sections of the types `prompt` and `adapter` share one set
  /// of names.
  func adapterSection(named name: String) -> Section? {
    section(.prompt, named: name) ?? section(.adapter, named: name)
  }

  private func adapter(_ section: Section) throws(Failure) -> StoredAdapter {
    do throws(Failure) {
      return try StoredAdapter(section: section, bytes: try bytes(of: section))
    } catch { throw error.located(file: path) }
  }

  /// A document's bytes; nil where the bundle has none.
  public func document(_ type: SectionType) throws(Failure) -> ByteSlice? {
    guard let section = section(type, named: Self.documentName(type)) else { return nil }
    return try bytes(of: section)
  }

  /// A JSON document's value; nil where the bundle has none.
  func json(_ type: SectionType) throws(Failure) -> JSON? {
    guard let bytes = try document(type) else { return nil }
    do throws(Failure) {
      return try JSON(parsing: bytes, file: path)
    } catch {
      throw Failure(
        .invalidData, file: path, at: "\(type), \(error.place ?? "somewhere")", error.finding)
    }
  }

  private func needed<T>(_ type: SectionType, _ value: T?) throws(Failure) -> T {
    guard let value else {
      throw Failure(.invalidData, file: path, "the bundle has no \(type) section")
    }
    return value
  }

  /// The model's configuration; throws where the bundle has none.
  public var configuration: JSON {
    get throws(Failure) { try needed(.modelConfiguration, try json(.modelConfiguration)) }
  }

  /// The tokenizer's `tokenizer.json` text; throws where the bundle has none.
  public var tokenizer: ByteSlice {
    get throws(Failure) { try needed(.tokenizer, try document(.tokenizer)) }
  }

  /// The recipe's text as it was given; nil where the bundle has none.
  public var recipe: ByteSlice? { get throws(Failure) { try document(.recipe) } }

  /// nil where the bundle has none.
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

  /// Empty where the bundle has none.
  public var evidence: [EvidenceRecord] {
    get throws(Failure) {
      try records(.evidence) { (json) throws(Failure) in try EvidenceRecord(json: json) }
    }
  }

  /// Empty where the bundle has none.
  public var events: [EventRecord] {
    get throws(Failure) {
      try records(.events) { (json) throws(Failure) in try EventRecord(json: json) }
    }
  }

  /// What became of each compressed layer, and the text it was calibrated on: an object with
  /// `calibration` and `layers`. nil where the bundle has none.
  public var ledger: JSON? { get throws(Failure) { try json(.ledger) } }

  private func records<T>(
    _ type: SectionType, _ read: (JSON) throws(Failure) -> T
  ) throws(Failure) -> [T] {
    guard let json = try json(type) else { return [] }
    guard let array = json.array else {
      throw Failure(
        .invalidData, file: path, at: "\(type)", "expected an array, found \(json.kindName)")
    }
    var records: [T] = []
    for (index, entry) in array.enumerated() {
      do throws(Failure) {
        records.append(try read(entry))
      } catch {
        throw Failure(
          .invalidData, file: path,
          at: "\(type), record \(index)" + (error.place.map { ", " + $0 } ?? ""), error.finding)
      }
    }
    return records
  }
}
