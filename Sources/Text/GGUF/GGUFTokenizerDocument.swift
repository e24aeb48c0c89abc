import Bytes
import Checkpoints

/// A converter from the vocabulary of a GGUF file to the equivalent tokenizer.json, so that there
/// is one reader, one encoder and one form to store in a bundle.
///
/// The split patterns of each `tokenizer.ggml.pre` are those of llama.cpp (`llama-vocab.cpp`, the
/// regular expressions per pre-tokenizer type).
struct GGUFTokenizerDocument {
  let vocabulary: GGUFVocabulary
  let file: String?
  private var texts: [String] = []

  /// The most tokens that are matched before a text is split; models have up to some thousands.
  static let addedTokenLimit = 1 << 16

  /// Token types of GGUF.
  private enum Kind {
    static let unknown: Int32 = 2
    static let control: Int32 = 3
    static let userDefined: Int32 = 4
    static let byte: Int32 = 6
  }

  init(_ vocabulary: GGUFVocabulary, file: String?) throws(Failure) {
    self.vocabulary = vocabulary
    self.file = file
    guard vocabulary.tokens.count < Int(Int32.max) else {
      throw failure("tokens", "too many tokens")
    }
    texts.reserveCapacity(vocabulary.tokens.count)
    var hasEmpty = false
    for (id, bytes) in vocabulary.tokens.enumerated() {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw failure("tokens", "the token \(id) isn't valid UTF-8")
      }
      // llama.cpp names empty tokens like this; one of them can keep its text here.
      texts.append(text.isEmpty && hasEmpty ? "[EMPTY_\(id)]" : text)
      hasEmpty = hasEmpty || text.isEmpty
    }
    for (name, count) in [
      ("token_type", vocabulary.types.count), ("scores", vocabulary.scores.count),
    ] where count != 0 && count != texts.count {
      throw failure(name, "\(count) entries for \(texts.count) tokens")
    }
  }

  func failure(_ key: String, _ finding: String, advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "tokenizer.ggml.\(key)", finding, advice: advice)
  }

  /// The equivalent tokenizer.json.
  func document() throws(Failure) -> JSON {
    switch vocabulary.model {
    case "gpt2": try byteLevelDocument()
    case "llama": try scoredDocument()
    default:
      throw failure(
        "model",
        "the model \"\(vocabulary.model.prefix(64))\" isn't supported; gpt2 and llama are"
      )
    }
  }

  /// The document of a byte-level vocabulary. Scores and add_space_prefix have no effect on it, as in
  /// llama.cpp.
  private func byteLevelDocument() throws(Failure) -> JSON {
    guard let ranked = vocabulary.merges else {
      throw failure(
        "merges", "is missing, but a vocabulary of the model \"gpt2\" needs its merges",
        advice: "convert the model again with a current convert_hf_to_gguf.py")
    }
    var merges: [JSON] = []
    merges.reserveCapacity(ranked.count)
    for (rank, bytes) in ranked.enumerated() {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw failure("merges", "the merge \(rank) isn't valid UTF-8")
      }
      merges.append(.string(text))
    }
    let isLlama = Self.llamaNames.contains(vocabulary.preTokenizer)
    return try document(
      normalizer: .null,
      preTokenizer: [
        "type": "Sequence",
        "pretokenizers": .array(
          try splits() + [
            [
              "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
              "use_regex": false,
            ]
          ]),
      ],
      decoder: [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ],
      model: [
        "merges": .array(merges), "ignore_merges": .bool(isLlama), "byte_fallback": false,
        "fuse_unk": false, "unk_token": .null,
      ],
      addsBOS: vocabulary.addBOS ?? isLlama)
  }

  private static let llamaNames = ["llama-bpe", "llama3", "llama-v3"]

  private func splits() throws(Failure) -> [JSON] {
    func expression(_ pattern: String) -> JSON {
      [
        "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
        "invert": false,
      ]
    }
    let gpt2 = expression(KnownSplitter.gpt2.pattern)
    switch vocabulary.preTokenizer {
    case "gpt-2", "gpt2": return [gpt2]
    case "smollm": return [["type": "Digits", "individual_digits": true], gpt2]
    case "qwen2": return [expression(KnownSplitter.qwen2.pattern)]
    case let name where Self.llamaNames.contains(name):
      return [expression(KnownSplitter.llama3.pattern)]
    case "default", "":
      return [
        expression(#"[\p{P}\$\+<=>\^~\|]+"#), gpt2, expression(#"\p{N}+"#),
        expression("[0-9][0-9][0-9]"),
      ]
    default:
      throw failure(
        "pre",
        "the pre-tokenizer \"\(vocabulary.preTokenizer.prefix(64))\" isn't supported; "
          + "gpt-2, smollm, llama-bpe, qwen2 and default are")
    }
  }

  /// The document of a SentencePiece vocabulary, with scores, `▁` for spaces and byte fallback.
  private func scoredDocument() throws(Failure) -> JSON {
    let prefixes = vocabulary.addSpacePrefix ?? true
    let replace: JSON = ["type": "Replace", "pattern": ["String": " "], "content": "▁"]
    let prepend: JSON = ["type": "Prepend", "prepend": "▁"]
    let strip: JSON = ["type": "Strip", "content": " ", "start": 1, "stop": 0]
    let steps: [JSON] = [
      ["type": "Replace", "pattern": ["String": "▁"], "content": " "], ["type": "ByteFallback"],
      ["type": "Fuse"],
    ]
    let unknown = try vocabulary.unknownToken.map { (id) throws(Failure) in
      JSON.string(try text(id, "unknown_token_id"))
    }
    return try document(
      normalizer: [
        "type": "Sequence", "normalizers": .array(prefixes ? [prepend, replace] : [replace]),
      ],
      preTokenizer: .null,
      decoder: ["type": "Sequence", "decoders": .array(prefixes ? steps + [strip] : steps)],
      model: [
        "merges": .array(try scoredMerges()), "ignore_merges": false, "byte_fallback": true,
        "fuse_unk": true, "unk_token": unknown ?? .null,
      ],
      addsBOS: vocabulary.addBOS ?? true)
  }

  private func text(_ id: Int32, _ key: String) throws(Failure) -> String {
    guard id >= 0, Int(id) < texts.count else {
      throw failure(key, "the id \(id) is outside the vocabulary of \(texts.count)")
    }
    return texts[Int(id)]
  }

  private func document(
    normalizer: JSON, preTokenizer: JSON, decoder: JSON, model: JSONObject, addsBOS: Bool
  ) throws(Failure) -> JSON {
    var ids = JSONObject()
    ids.reserveCapacity(texts.count)
    for (id, text) in texts.enumerated() {
      guard ids.appendIfAbsent(text, JSON(id)) else {
        throw failure(
          "tokens",
          "the token \(id) \"\(text.prefix(64))\" appears twice: it is the token"
            + " \(ids[text]?.int ?? 0), too")
      }
    }
    var model = model
    model["type"] = "BPE"
    model["vocab"] = .object(ids)
    for key in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] { model[key] = .null }

    var own = JSONObject()
    if let bos = vocabulary.bosToken {
      _ = try text(bos, "bos_token_id")
      own["bos"] = JSON(Int(bos))
    }
    if let eos = vocabulary.eosToken {
      _ = try text(eos, "eos_token_id")
      own["eos"] = JSON(Int(eos))
    }
    return [
      "version": "1.0", "truncation": .null, "padding": .null,
      "added_tokens": .array(try addedTokens()), "normalizer": normalizer,
      "pre_tokenizer": preTokenizer, "post_processor": try frame(addsBOS: addsBOS),
      "decoder": decoder, "model": .object(model), "ctpack": .object(own),
    ]
  }

  private func addedTokens() throws(Failure) -> [JSON] {
    var tokens: [JSON] = []
    for (id, type) in vocabulary.types.enumerated() {
      guard [Kind.unknown, Kind.control, Kind.userDefined].contains(type), !texts[id].isEmpty else {
        continue
      }
      guard tokens.count < Self.addedTokenLimit else {
        throw failure(
          "token_type", "more than \(Self.addedTokenLimit) tokens are control or user-defined ones")
      }
      tokens.append([
        "id": JSON(id), "content": .string(texts[id]), "special": .bool(type != Kind.userDefined),
        "normalized": false, "lstrip": false, "rstrip": false, "single_word": false,
      ])
    }
    return tokens
  }

  /// The post-processor that adds the BOS token before a text or the EOS token after it; null if it
  /// adds neither.
  private func frame(addsBOS: Bool) throws(Failure) -> JSON {
    for (key, isSet, id) in [
      ("add_bos_token", vocabulary.addBOS, vocabulary.bosToken),
      ("add_eos_token", vocabulary.addEOS, vocabulary.eosToken),
    ] where isSet == true && id == nil {
      throw failure(key, "is true, but \(key.dropFirst(4))_id is missing")
    }
    var special = JSONObject()
    func piece(_ id: Int32?, _ key: String) throws(Failure) -> [JSON] {
      guard let id else { return [] }
      let name = try text(id, key)
      special[name] = [
        "id": .string(name), "ids": .array([JSON(Int(id))]), "tokens": .array([.string(name)]),
      ]
      return [["SpecialToken": ["id": .string(name), "type_id": 0]]]
    }
    let before = try piece(addsBOS ? vocabulary.bosToken : nil, "bos_token_id")
    let after = try piece(vocabulary.addEOS == true ? vocabulary.eosToken : nil, "eos_token_id")
    if before.isEmpty && after.isEmpty { return .null }
    let first: [JSON] = [["Sequence": ["id": "A", "type_id": 0]]]
    let second: [JSON] = [["Sequence": ["id": "B", "type_id": 1]]]
    let single = before + first + after
    return [
      "type": "TemplateProcessing", "single": .array(single),
      "pair": .array(single + before + second + after), "special_tokens": .object(special),
    ]
  }
}
