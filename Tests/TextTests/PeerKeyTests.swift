import Bytes
import Checkpoints
import Testing
import Text

/// Every key and component type that transformers, tokenizers and gguf know
/// (`Golden/make_settings_golden.py`): implemented, without an effect, or refused by name.
@Suite("Keys of the peers")
struct PeerKeyTests {
  private func peer(_ list: String) throws -> [String] {
    try Golden.json("peer-keys.json").required(list, as: [JSON].self).compactMap(\.string)
  }

  private func check(_ known: [[String]], _ list: String) throws {
    let all = known.joined()
    let peers = try peer(list)
    #expect(peers.count > 5)
    for key in peers {
      #expect(all.count { $0 == key } == 1, "\(list): \(key)")
    }
    #expect(Set(all).count == all.count)
  }

  @Test("tokenizer_config.json") func settings() throws {
    typealias Key = TokenizerSettings.Key
    try check([Key.named, Key.implemented, Key.refused, Key.irrelevant], "tokenizer_config")
  }

  @Test("tokenizer keys of GGUF") func gguf() throws {
    typealias Key = GGUFVocabulary.Key
    try check([Key.implemented, Key.refused, Key.irrelevant], "gguf")
  }

  /// The components that are supported, each with a valid example, by their member of tokenizer.json.
  private static let supported: [(member: String, examples: [JSON])] = [
    (
      "normalizer",
      [
        ["type": "ByteLevel"], ["type": "Lowercase"], ["type": "NFC"], ["type": "NFD"],
        ["type": "NFKC"], ["type": "NFKD"], ["type": "Prepend", "prepend": "a"],
        ["type": "Replace", "pattern": ["String": "a"], "content": "b"],
        ["type": "Sequence", "normalizers": []], ["type": "Strip"], ["type": "StripAccents"],
      ]
    ),
    (
      "pre_tokenizer",
      [
        ["type": "ByteLevel"], ["type": "CharDelimiterSplit", "delimiter": "a"], ["type": "Digits"],
        ["type": "Metaspace", "replacement": "_", "prepend_scheme": "always"],
        ["type": "Punctuation"], ["type": "Sequence", "pretokenizers": []],
        ["type": "Split", "pattern": ["String": "a"], "behavior": "Isolated", "invert": false],
        ["type": "Whitespace"], ["type": "WhitespaceSplit"],
      ]
    ),
    (
      "post_processor",
      [
        ["type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 1]], ["type": "ByteLevel"],
        ["type": "RobertaProcessing", "cls": ["a", 0], "sep": ["b", 1]],
        ["type": "Sequence", "processors": []],
        ["type": "TemplateProcessing", "single": [["Sequence": ["id": "A"]]]],
      ]
    ),
    (
      "decoder",
      [
        ["type": "ByteFallback"], ["type": "ByteLevel"], ["type": "Fuse"],
        ["type": "Metaspace", "replacement": "_", "prepend_scheme": "always"],
        ["type": "Replace", "pattern": ["String": "a"], "content": "b"],
        ["type": "Sequence", "decoders": []],
        ["type": "Strip", "content": "a", "start": 1, "stop": 0],
      ]
    ),
  ]

  private static let model: JSON = [
    "type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2], "merges": [["a", "b"]],
  ]

  private func finding(_ member: String, _ value: JSON) -> String {
    var root: JSONObject = ["model": Self.model]
    root[member] = value
    do {
      _ = try Tokenizer(json: ByteSlice(JSON.object(root).canonicalBytes), file: "t.json")
      return "accepted"
    } catch { return error.description }
  }

  @Test("component types are read or refused by name") func components() throws {
    for (member, examples) in Self.supported {
      let names = examples.compactMap { $0["type"]?.string }
      for example in examples { #expect(finding(member, example) == "accepted", "\(example)") }
      let peers = try peer(member)
      #expect(Set(names).isSubset(of: Set(peers)) && peers.count >= names.count)
      for name in peers where !names.contains(name) {
        let found = finding(member, ["type": .string(name)])
        #expect(found.hasPrefix("t.json: \(member): "), "\(found)")
        #expect(found.contains("\"\(name)\" isn't supported"), "\(found)")
      }
    }
    for name in try peer("model") where name != "BPE" {
      #expect(finding("model", ["type": .string(name), "vocab": [:]]).contains("\"\(name)\""))
    }
  }

  /// Values of the model's options, and whether they are accepted.
  private static let options: [(key: String, value: JSON, isAccepted: Bool)] = [
    ("byte_fallback", true, true), ("continuing_subword_prefix", "", true),
    ("continuing_subword_prefix", "##", false), ("dropout", 0, true), ("dropout", 0.5, false),
    ("end_of_word_suffix", "", true), ("end_of_word_suffix", "</w>", false),
    ("fuse_unk", true, true), ("ignore_merges", true, true), ("merges", ["a b"], true),
    ("type", "BPE", true), ("unk_token", "a", true), ("unk_token", "x", false),
    ("vocab", ["a": 0, "b": 1, "ab": 9], true),
  ]

  @Test("options of the model are followed or refused by name") func options() throws {
    #expect(Set(try peer("bpe")) == Set(Self.options.map(\.key)))
    for (key, value, isAccepted) in Self.options {
      var model = try #require(Self.model.object)
      model[key] = value
      let found = finding("model", .object(model))
      #expect(isAccepted ? found == "accepted" : found.contains("model.\(key)"), "\(found)")
    }
  }

  @Test("flags of added tokens are those of the library") func flags() throws {
    let peers = Set(try peer("added_token"))
    let entry = AddedTokenEntry("a", special: true).json(id: 1)
    #expect(Set(entry.object?.keys ?? []) == peers)
  }
}
