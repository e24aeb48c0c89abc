import Bytes

extension TokenizerSettings {
  /// A tokenizer.json with the added tokens that only these files know, or with the flags that they
  /// give to its own; nil if they change nothing, which is the usual case and costs no parsing of the
  /// vocabulary.
  ///
  /// - Throws: `invalidData` if a setting contradicts the document `bytes` of the file `path`.
  func changed(_ bytes: ByteSlice, path: String) throws(Failure) -> ByteSlice? {
    let head = JSONMembers.find(["added_tokens", "normalizer", "pre_tokenizer"], in: bytes)
    guard let existing = Self.entries(head["added_tokens"].flatMap { try? JSON(parsing: $0) })
    else { return nil }  // Not a tokenizer.json that can be read; its reader says why.
    try checkPrefix(head.compactMapValues { try? JSON(parsing: $0) }, path)
    let added = try tokens(beside: existing)
    if added.isEmpty { return nil }
    guard var root = try JSON(parsing: bytes, file: path).object,
      let vocabulary = root["model"]?["vocab"]?.object
    else { return nil }
    var list = existing
    var numbering = AddedTokenNumbering(vocabularySize: vocabulary.count)
    for token in existing {
      let known = vocabulary[token.entry.content]?.int
      _ = numbering.id(of: token.entry.content, known: known)
    }
    let places = Dictionary(list.enumerated().map { ($1.entry.key, $0) }) { first, _ in first }
    for entry in added {
      let id = numbering.id(of: entry.content, known: vocabulary[entry.content]?.int)
      if let place = places[entry.key] {
        list[place].entry = entry
      } else {
        list.append((id, entry))
      }
    }
    root["added_tokens"] = .array(list.map { $0.entry.json(id: $0.id) })
    return ByteSlice(JSON.object(root).canonicalBytes)
  }

  /// The added tokens of a tokenizer.json; nil if they can't be read.
  private static func entries(_ list: JSON?) -> [(id: Int, entry: AddedTokenEntry)]? {
    guard let list, !list.isNull else { return [] }
    guard let array = list.array else { return nil }
    var entries: [(id: Int, entry: AddedTokenEntry)] = []
    for value in array {
      guard let id = value["id"]?.int, let entry = AddedTokenEntry(value) else { return nil }
      entries.append((id, entry))
    }
    return entries
  }

  /// Refuses an add_prefix_space that tokenizer.json contradicts: which of the two transformers
  /// follows depends on its version and on the tokenizer's class.
  private func checkPrefix(_ members: [String: JSON], _ path: String) throws(Failure) {
    guard let wanted = try flag("add_prefix_space") else { return }
    let found = [members["normalizer"], members["pre_tokenizer"]].compactMap { $0 }
      .compactMap { Self.prefixes($0, depth: 0) }
    guard let first = found.first, !found.contains(wanted) else { return }
    throw failure(
      "add_prefix_space", "is \(wanted), but \(PathNames.last(path)) says \(first)",
      advice: "set both to the value that the model was trained with")
  }

  /// Whether a normalizer or pre-tokenizer puts a space before a text; nil if it has no say in it.
  private static func prefixes(_ step: JSON, depth: Int) -> Bool? {
    guard depth < 16 else { return nil }
    switch step["type"]?.string {
    case "ByteLevel": return step["add_prefix_space"]?.bool
    case "Prepend": return true
    case "Metaspace":
      if let scheme = step["prepend_scheme"]?.string { return scheme != "never" }
      return step["add_prefix_space"]?.bool
    case "Sequence":
      let parts = step["normalizers"]?.array ?? step["pretokenizers"]?.array ?? []
      let found = parts.compactMap { prefixes($0, depth: depth + 1) }
      return found.isEmpty ? nil : found.contains(true)
    default: return nil
    }
  }
}

/// A search for members of a JSON object that doesn't read the others: of a tokenizer.json, the
/// added tokens precede a vocabulary of many megabytes.
enum JSONMembers {
  /// The text of the members `keys` of the object `text`; those that are absent, or that come after
  /// something other than JSON, are left out.
  static func find(_ keys: Set<String>, in text: ByteSlice) -> [String: ByteSlice] {
    var found: [String: ByteSlice] = [:]
    let bytes = text.array
    var index = 0
    skipSpace(bytes, &index)
    guard index < bytes.count, bytes[index] == UInt8(ascii: "{") else { return found }
    index += 1
    while found.count < keys.count {
      skipSpace(bytes, &index)
      let start = index
      guard index < bytes.count, bytes[index] == UInt8(ascii: "\""), skipValue(bytes, &index)
      else { return found }
      let key = String(decoding: bytes[start + 1..<index - 1], as: UTF8.self)
      skipSpace(bytes, &index)
      guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return found }
      index += 1
      skipSpace(bytes, &index)
      let value = index
      guard skipValue(bytes, &index) else { return found }
      if keys.contains(key) { found[key] = text.slice(value..<index) }
      skipSpace(bytes, &index)
      guard index < bytes.count, bytes[index] == UInt8(ascii: ",") else { return found }
      index += 1
    }
    return found
  }

  private static func skipSpace(_ bytes: [UInt8], _ index: inout Int) {
    while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
  }

  /// Moves `index` beyond a value; returns false if the text ends inside it.
  private static func skipValue(_ bytes: [UInt8], _ index: inout Int) -> Bool {
    var depth = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""):
        index += 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
          index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < bytes.count else { return false }
        if depth == 0 {
          index += 1
          return true
        }
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return true }
        depth -= 1
        if depth == 0 {
          index += 1
          return true
        }
      case UInt8(ascii: ","): if depth == 0 { return true }
      default: break
      }
      index += 1
    }
    return depth == 0
  }
}
