import Bytes

/// Documents: texts and JSON values with a fixed name, at most one of each type in a bundle.
extension SectionKind {
  private static let informative = SectionFlags(optional: SectionFlags.informative)

  /// A Hugging Face tokenizer.json.
  static let tokenizer = SectionKind(
    layouts: [.json, .raw, .text], name: .fixed("tokenizer.json")
  ) { (content) throws(Failure) in
    _ = try content.json()
    return nil
  }

  /// The model's settings.
  static let modelConfiguration = SectionKind(
    layouts: [.json], name: .fixed("configuration"), check: checkCanonicalJSON)

  /// The recipe's text as it was given.
  static let recipe = SectionKind(layouts: [.text], name: .fixed("recipe"), flags: informative)

  /// The text of a licence.
  static let licence = SectionKind(layouts: [.text], name: .fixed("licence"), flags: informative)

  /// The compression of each layer, with its errors.
  static let ledger = SectionKind(
    layouts: [.json], name: .fixed("ledger"), flags: informative,
    check: checkCanonicalJSON)

  /// A JSON document without rules of its own.
  static func checkCanonicalJSON(_ content: SectionContent) throws(Failure) -> String? {
    _ = try content.canonicalJSON()
    return nil
  }
}

extension NewSection {
  /// A JSON document under its type's fixed name, written canonically.
  public static func document(_ type: SectionType, json: JSON) -> NewSection {
    document(type, bytes: ByteSlice(json.canonicalBytes), layout: .json)
  }

  /// A document under its type's fixed name, its bytes as they are. `layout`: text, raw or json.
  public static func document(
    _ type: SectionType, bytes: ByteSlice, layout: PackingLayout = .text
  ) -> NewSection {
    NewSection(type, name: ModelBundle.documentName(type), layout: layout, bytes: bytes)
  }
}

extension ModelBundle {
  /// The name of the only section of a document's type: "tokenizer.json".
  public static func documentName(_ type: SectionType) -> String {
    type.kind.fixedName ?? "\(type)"
  }

  /// A document's raw bytes; nil if the bundle has none of this type, or the type is no document's.
  /// - Throws: `invalidData` where it can't be decoded.
  public func document(_ type: SectionType) throws(Failure) -> ByteSlice? {
    guard let section = documentSection(type) else { return nil }
    return try bytes(of: section)
  }

  /// The section of a document; nil if the bundle has none of this type, or the type is no
  /// document's.
  func documentSection(_ type: SectionType) -> Section? {
    type.kind.fixedName.flatMap { section(type, named: $0) }
  }

  /// A JSON document's value; nil if the bundle has none.
  func json(_ type: SectionType) throws(Failure) -> JSON? {
    guard let section = documentSection(type) else { return nil }
    let content = SectionContent(section: section, bytes: try bytes(of: section), bundle: self)
    do throws(Failure) {
      return try content.json()
    } catch {
      throw Failure(
        .invalidData, file: path, at: "\(type), \(error.place ?? "somewhere")", error.finding,
        advice: error.advice)
    }
  }

  private func needed<T>(_ type: SectionType, _ value: T?) throws(Failure) -> T {
    guard let value else {
      throw Failure(.invalidData, file: path, "the bundle has no \(type) section")
    }
    return value
  }

  /// The model's configuration.
  /// - Throws: `invalidData` where the bundle has none, or it isn't JSON.
  public var configuration: JSON {
    get throws(Failure) { try needed(.modelConfiguration, try json(.modelConfiguration)) }
  }

  /// The tokenizer's `tokenizer.json` text.
  /// - Throws: `invalidData` where the bundle has none.
  public var tokenizer: ByteSlice {
    get throws(Failure) { try needed(.tokenizer, try document(.tokenizer)) }
  }

  /// The recipe's text as it was given; nil if the bundle has none.
  public var recipe: ByteSlice? { get throws(Failure) { try document(.recipe) } }

  /// The compression of each layer and the text that it was calibrated on: an object with
  /// `calibration` and `layers`. nil if the bundle has none.
  public var ledger: JSON? { get throws(Failure) { try json(.ledger) } }
}
