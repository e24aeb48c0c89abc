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

  private func object(_ bytes: ByteSlice?, _ name: String) throws(Failure) -> JSONObject {
    guard let bytes else { return [:] }
    guard let object = try JSON(parsing: bytes, file: folder.map { "\($0)/\(name)" }).object else {
      throw failure(name, nil, "expected an object")
    }
    return object
  }

  /// The equivalent tokenizer.json.
  func document() throws(Failure) -> JSON {
    let settings = try object(files.settings, "tokenizer_config.json")
    let special = try object(files.specialTokens, "special_tokens_map.json")
    if let kind = settings["tokenizer_class"]?.string,
      !["GPT2Tokenizer", "GPT2TokenizerFast"].contains(kind)
    {
      throw failure(
        "tokenizer_config.json", "key \"tokenizer_class\"",
        "\"\(kind.prefix(64))\" isn't supported with vocab.json and merges.txt; GPT2Tokenizer is"
      )
    }
    let vocabulary = try object(files.vocabulary, "vocab.json")
    func token(_ key: String) -> String? {
      let value = settings[key] ?? special[key]
      return value?.string ?? value?["content"]?.string
    }
    let prefixes = settings["add_prefix_space"]?.bool ?? false
    let byteLevel: JSON = [
      "type": "ByteLevel", "add_prefix_space": .bool(prefixes), "trim_offsets": true,
      "use_regex": true,
    ]
    var added: [JSON] = []
    var own = JSONObject()
    for (key, name) in [
      ("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", ""), ("pad_token", ""),
    ] {
      guard let text = token(key) else { continue }
      guard let id = vocabulary[text]?.int else {
        throw failure("vocab.json", nil, "doesn't contain the \(key) \"\(text.prefix(64))\"")
      }
      if !name.isEmpty { own[name] = JSON(id) }
      let entry: JSON = [
        "id": JSON(id), "content": .string(text), "special": true, "normalized": false,
        "lstrip": false, "rstrip": false, "single_word": false,
      ]
      if !added.contains(entry) { added.append(entry) }
    }
    let addsBOS = settings["add_bos_token"]?.bool ?? false
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": .null, "pre_tokenizer": byteLevel,
      "post_processor": addsBOS ? frame(token("bos_token"), own["bos"]) : .null,
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

  /// The post-processor that adds the token `bos` before a text; null without such a token.
  private func frame(_ bos: String?, _ id: JSON?) -> JSON {
    guard let bos, let id else { return .null }
    let piece: JSON = ["SpecialToken": ["id": .string(bos), "type_id": 0]]
    let first: JSON = ["Sequence": ["id": "A", "type_id": 0]]
    let second: JSON = ["Sequence": ["id": "B", "type_id": 1]]
    let described: JSONObject = [
      bos: ["id": .string(bos), "ids": .array([id]), "tokens": .array([.string(bos)])]
    ]
    return [
      "type": "TemplateProcessing", "single": [piece, first],
      "pair": [piece, first, piece, second], "special_tokens": .object(described),
    ]
  }

  /// The merges in merges.txt. A line that starts with "#version" is skipped; any other "#" is part
  /// of a token.
  private func merges() throws(Failure) -> [JSON] {
    var merges: [JSON] = []
    let lines = files.merges.array.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
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
