import Bytes
import Checkpoints

/// A converter from vocab.json and merges.txt to the equivalent tokenizer.json, so that there is
/// one reader, one encoder and one form to store in a bundle.
///
/// Everything else follows transformers' `GPT2Tokenizer` and its settings; OPT's settings require
/// "</s>" before every text.
struct BytePairDocument {
  let files: BytePairFiles
  let folder: String?

  private func failure(_ name: String, _ place: String?, _ finding: String) -> Failure {
    Failure(
      .invalidData, file: folder.map { "\($0)/\(name)" } ?? name, at: place, finding,
      advice: "save the tokenizer again with transformers, which writes a tokenizer.json")
  }

  /// The equivalent tokenizer.json.
  func document() throws(Failure) -> JSON {
    let settings = try TokenizerSettings(
      settings: files.settings, specialTokens: files.specialTokens,
      addedTokens: files.addedTokens, folder: folder)
    try checkClass(settings)
    let path = folder.map { "\($0)/vocab.json" } ?? "vocab.json"
    guard let vocabulary = try JSON(parsing: files.vocabulary, file: path).object else {
      throw failure("vocab.json", nil, "expected an object")
    }
    let (added, ids) = try addedTokens(settings, vocabulary)
    var own = JSONObject()
    for (key, name) in [("bos_token", "bos"), ("eos_token", "eos")] {
      if let id = settings.content(key).flatMap({ ids[Array($0.utf8)] }) { own[name] = JSON(id) }
    }
    let byteLevel: JSON = [
      "type": "ByteLevel",
      "add_prefix_space": .bool(try settings.flag("add_prefix_space") ?? false),
      "trim_offsets": true, "use_regex": true,
    ]
    let begins = try settings.flag("add_bos_token") ?? false
    let ends = try settings.flag("add_eos_token") ?? false
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": .null, "pre_tokenizer": byteLevel,
      "post_processor": frame(
        before: begins ? settings.content("bos_token") : nil,
        after: ends ? settings.content("eos_token") : nil, ids),
      "decoder": [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ],
      "model": [
        "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": false, "vocab": .object(vocabulary), "merges": .array(try merges()),
      ],
      "ctpack": .object(own),
    ]
  }

  /// Refuses a tokenizer of another class than GPT-2's, whose splits and special tokens differ.
  private func checkClass(_ settings: TokenizerSettings) throws(Failure) {
    if let kind = settings.className {
      guard !["GPT2Tokenizer", "GPT2TokenizerFast"].contains(kind) else { return }
      throw failure(
        "tokenizer_config.json", "key \"tokenizer_class\"",
        "\"\(kind.prefix(64))\" isn't supported with vocab.json and merges.txt; GPT2Tokenizer is")
    }
    if let type = files.modelType, type.hasPrefix("qwen") {
      throw failure(
        "config.json", "key \"model_type\"",
        "\"\(type.prefix(64))\" has a tokenizer that isn't supported with vocab.json and merges.txt"
      )
    }
  }

  /// The entries of `added_tokens`, and the id of each by its content.
  ///
  /// Without a normalizer it makes no difference whether a token is matched in the normalized text,
  /// so all entries say that it isn't.
  private func addedTokens(
    _ settings: TokenizerSettings, _ vocabulary: JSONObject
  ) throws(Failure) -> (entries: [JSON], ids: [[UInt8]: Int]) {
    // The defaults of GPT-2's tokenizer count if its vocabulary has the token.
    let end = "<|endoftext|>"
    let defaults =
      vocabulary[end] == nil
      ? [] : ["bos_token", "eos_token", "unk_token"].map { ($0, end) }
    var numbering = AddedTokenNumbering(vocabularySize: vocabulary.count)
    var ids: [[UInt8]: Int] = [:]
    var tokens = try settings.tokens(defaults: defaults)
    for token in tokens {
      let known = vocabulary[token.content]?.int
      ids[Array(token.content.utf8)] = numbering.id(of: token.content, known: known)
    }
    // The named tokens come first in the document, in an order that doesn't depend on the files.
    var named: [AddedTokenEntry] = []
    for key in ["bos_token", "eos_token", "unk_token", "pad_token"] {
      guard let content = settings.content(key),
        let index = tokens.firstIndex(where: { $0.content.utf8.elementsEqual(content.utf8) })
      else { continue }
      named.append(tokens.remove(at: index))
    }
    let entries = (named + tokens).map { token in
      var token = token
      token.isNormalized = false
      return token.json(id: ids[Array(token.content.utf8)] ?? 0)
    }
    return (entries, ids)
  }

  /// The post-processor that adds a token before a text and one after it; null if there is neither.
  private func frame(before: String?, after: String?, _ ids: [[UInt8]: Int]) -> JSON {
    func id(_ token: String?) -> Int? { token.flatMap { ids[Array($0.utf8)] } }
    let ends = [(before, id(before)), (after, id(after))].map { (text, id) in
      text.flatMap { text in id.map { (text, $0) } }
    }
    guard ends.contains(where: { $0 != nil }) else { return .null }
    var described = JSONObject()
    var pieces: [[JSON]] = []
    for end in ends {
      guard let (text, id) = end else {
        pieces.append([])
        continue
      }
      described[text] = [
        "id": .string(text), "ids": .array([JSON(id)]), "tokens": .array([.string(text)]),
      ]
      pieces.append([["SpecialToken": ["id": .string(text), "type_id": 0]]])
    }
    let first: [JSON] = [["Sequence": ["id": "A", "type_id": 0]]]
    let second: [JSON] = [["Sequence": ["id": "B", "type_id": 1]]]
    let single = pieces[0] + first + pieces[1]
    return [
      "type": "TemplateProcessing", "single": .array(single),
      "pair": .array(single + pieces[0] + second + pieces[1]),
      "special_tokens": .object(described),
    ]
  }

  /// The merges in merges.txt. A line that starts with "#version" is skipped; any other "#" is part
  /// of a token. Lines may end as on Windows.
  private func merges() throws(Failure) -> [JSON] {
    var merges: [JSON] = []
    let lines = files.merges.array.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, whole) in lines.enumerated() {
      let line = whole.last == UInt8(ascii: "\r") ? whole.dropLast() : whole
      guard let text = String(validating: line, as: UTF8.self) else {
        throw failure("merges.txt", "line \(number + 1)", "isn't valid UTF-8")
      }
      if text.hasPrefix("#version") || (text.isEmpty && number == lines.count - 1) { continue }
      guard text.utf8.count(where: { $0 == UInt8(ascii: " ") }) == 1 else {
        throw failure(
          "merges.txt", "line \(number + 1)",
          "expected two tokens with a space between them, found \"\(text.prefix(64))\"")
      }
      merges.append(.string(text))
    }
    return merges
  }
}
