import Bytes

/// The added tokens that the settings ask for, in the order in which transformers adds them.
extension TokenizerSettings {
  /// A token that a key names: a bare text, or one with flags.
  private enum Named {
    case text(String)
    case entry(AddedTokenEntry)

    var content: String {
      switch self {
      case .text(let text): text
      case .entry(let entry): entry.content
      }
    }
  }

  /// The tokens to add to a tokenizer that already has `existing`, each with its id in the file.
  ///
  /// A token that is already there is among them only if its flags change.
  ///
  /// - Parameter defaults: The special tokens of the tokenizer's class, for keys that no file has.
  package func tokens(
    beside existing: [(id: Int, entry: AddedTokenEntry)] = [], defaults: [(String, String)] = []
  ) throws(Failure) -> [AddedTokenEntry] {
    var named = try namedTokens(defaults)
    let extra = try extraTokens()
    let listed = try listedTokens(existing, named, extra)
    let last = Dictionary(listed.map { ($0.entry.key, $0.entry) }) { $1 }
    for (index, token) in named.enumerated() {
      if let entry = last[Array(token.content.utf8)] { named[index] = .entry(entry) }
    }
    let present = Dictionary(grouping: existing.map(\.entry), by: \.key)
    var added = listed.map(\.entry).filter { present[$0.key]?.contains($0) != true }
    var contents = Set(present.keys).union(added.map(\.key))
    for token in named + extra where contents.insert(Array(token.content.utf8)).inserted {
      switch token {
      case .text(let text): added.append(AddedTokenEntry(text, special: true))
      case .entry(let entry): added.append(entry)
      }
    }
    let special = Set(named.map { Array($0.content.utf8) })
    for index in added.indices where special.contains(added[index].key) {
      added[index].isSpecial = true
    }
    return added.filter { !$0.content.isEmpty }
  }

  /// The special tokens with names of their own; those of special_tokens_map.json take precedence,
  /// as in transformers, unless there is an added_tokens_decoder.
  private func namedTokens(_ defaults: [(String, String)]) throws(Failure) -> [Named] {
    var tokens: [Named] = []
    for key in Key.named {
      if let value = olderValue(key) {
        if let token = try named(value, key, file: 1) { tokens.append(token) }
      } else if let value = settings[key] {
        if let token = try named(value, key, file: 0) { tokens.append(token) }
      } else if let (_, text) = defaults.first(where: { $0.0 == key }) {
        tokens.append(.text(text))
      }
    }
    for (key, value) in settings
    where key.hasSuffix("_token") && !Key.named.contains(key) && value.string != nil {
      if let token = try named(value, key, file: 0) { tokens.append(token) }
    }
    for key in ["model_specific_special_tokens", "extra_special_tokens"] {
      for (name, value) in (olderValue(key) ?? settings[key])?.object ?? [:] {
        guard let token = try named(value, "\(key).\(name)", file: 0) else { continue }
        tokens.append(token)
      }
    }
    return tokens
  }

  /// The content of the special token that the key `key` names; nil if there is none.
  package func content(_ key: String) -> String? {
    let value = olderValue(key) ?? settings[key]
    return value?.string ?? value?["content"]?.string
  }

  private func olderValue(_ key: String) -> JSON? { hasDecoder ? nil : specialTokens[key] }

  private func named(_ value: JSON, _ key: String, file: Int) throws(Failure) -> Named? {
    if value.isNull { return nil }
    if let text = value.string { return .text(text) }
    guard let entry = AddedTokenEntry(value, special: file == 1) else {
      throw failure(key, "expected a token, found \(value.kindName)", file: file)
    }
    return .entry(entry)
  }

  /// The special tokens without names.
  private func extraTokens() throws(Failure) -> [Named] {
    var tokens: [Named] = []
    func add(_ key: String, _ value: JSON, _ file: Int) throws(Failure) {
      if value.isNull || (key == "extra_special_tokens" && value.object != nil) { return }
      guard let list = value.array else {
        throw failure(key, "expected an array of tokens, found \(value.kindName)", file: file)
      }
      for element in list {
        guard let token = try named(element, key, file: file) else { continue }
        tokens.append(token)
      }
    }
    for key in ["extra_special_tokens", "additional_special_tokens"] {
      if let value = settings[key] { try add(key, value, 0) }
      if let value = olderValue(key) { try add(key, value, 1) }
    }
    return tokens
  }

  /// The tokens that added_tokens_decoder lists or, without it, added_tokens.json and the tokenizer
  /// itself, by id.
  private func listedTokens(
    _ existing: [(id: Int, entry: AddedTokenEntry)], _ named: [Named], _ extra: [Named]
  ) throws(Failure) -> [(id: Int, entry: AddedTokenEntry)] {
    var byID: [Int: AddedTokenEntry] = [:]
    if let value = settings["added_tokens_decoder"] {
      let key = "added_tokens_decoder"
      guard let decoder = value.object else {
        throw failure(key, "expected an object, found \(value.kindName)")
      }
      for (id, token) in decoder {
        guard let number = Int(id), let entry = AddedTokenEntry(token) else {
          throw failure("\(key).\(id)", "expected a token's id, content and flags")
        }
        byID[number] = entry
      }
    } else {
      let special = Set((named + extra).map { Array($0.content.utf8) })
      for (text, value) in addedTokens {
        guard let id = value.int else {
          throw failure(text, "expected an id, found \(value.kindName)", file: 2)
        }
        byID[id] = AddedTokenEntry(text, special: special.contains(Array(text.utf8)))
      }
      for (id, entry) in existing { byID[id] = entry }
    }
    return byID.sorted { $0.key < $1.key }.map { (id: $0.key, entry: $0.value) }
  }
}
