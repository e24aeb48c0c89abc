import Bytes
import Foundation
import TestSupport
import Testing
import Text

@Suite("Hostile input")
struct HostileTests {
  @Test(
    "long runs take linear time", .timeLimit(.minutes(5)),
    arguments: Golden.names,
    [
      "a", " ", "\n", "1", "ab", "\u{301}", "'s", "🇩", "▁", "<", "a\u{F73}\u{323}",
      "\u{301}\u{323}",
    ])
  func longRuns(name: String, unit: String) throws {
    let tokenizer = try Golden.tokenizer(name)
    let text = String(repeating: unit, count: (1 << 18) / unit.utf8.count)
    let started = ContinuousClock.now
    let ids = tokenizer.encode(text)
    #expect(!ids.isEmpty || name == "chain" || name == "fused-unknown")
    // Quadratic time would take hours for 256 KiB; linear time is below a second.
    #expect(ContinuousClock.now - started < .seconds(20))
  }

  /// A small valid file, which the tests change.
  private static let base: JSON = [
    "version": "1.0", "added_tokens": [["id": 3, "content": "<s>", "special": true]],
    "normalizer": nil, "pre_tokenizer": nil, "post_processor": nil, "decoder": nil,
    "model": [
      "type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2], "merges": [["a", "b"]], "unk_token": nil,
    ],
  ]

  private func finding(_ value: JSON) -> String {
    do {
      _ = try Tokenizer(json: ByteSlice(value.canonicalBytes), file: "t.json")
      return "accepted"
    } catch {
      #expect(error.kind == .invalidData && error.file == "t.json")
      return error.description
    }
  }

  private func with(_ path: [String], _ value: JSON) -> JSON {
    Self.setting(Self.base, path[...], value)
  }

  private static func setting(_ root: JSON, _ path: ArraySlice<String>, _ value: JSON) -> JSON {
    guard let key = path.first else { return value }
    var object = root.object ?? JSONObject()
    object[key] = setting(object[key] ?? nil, path.dropFirst(), value)
    return .object(object)
  }

  @Test("the unchanged file is read")
  func accepted() throws {
    let tokenizer = try Tokenizer(json: ByteSlice(Self.base.canonicalBytes))
    #expect(tokenizer.encode("ab<s>ba") == [2, 3, 1, 0])
  }

  @Test(
    "unsupported components are refused with their path",
    arguments: [
      (["model", "type"], "Unigram", "model.type", "Unigram"),
      (["model", "dropout"], 0.1, "model.dropout", "dropout"),
      (["model", "end_of_word_suffix"], "</w>", "model.end_of_word_suffix", "</w>"),
      (["model", "continuing_subword_prefix"], "##", "model.continuing_subword_prefix", "##"),
      (["model", "unk_token"], "<unk>", "model.unk_token", "<unk>"),
      (["normalizer"], ["type": "Precompiled"], "normalizer", "Precompiled"),
      (
        ["pre_tokenizer"],
        ["type": "Sequence", "pretokenizers": [["type": "Digits"], ["type": "UnicodeScripts"]]],
        "pre_tokenizer.pretokenizers[1]", "UnicodeScripts"
      ),
      (["decoder"], ["type": "WordPiece"], "decoder", "WordPiece"),
      (["post_processor"], ["type": "Nothing"], "post_processor", "Nothing"),
      (
        ["pre_tokenizer"],
        [
          "type": "Split", "pattern": ["Regex": "(?<=a)b"], "behavior": "Isolated", "invert": false,
        ],
        "pre_tokenizer.pattern.Regex", "isn't supported"
      ),
    ] as [([String], JSON, String, String)])
  func unsupported(path: [String], value: JSON, place: String, word: String) {
    let finding = finding(with(path, value))
    #expect(finding.hasPrefix("t.json: \(place): ") && finding.contains(word), "\(finding)")
  }

  @Test(
    "contradictory files are refused",
    arguments: [
      (["model", "vocab"], ["a": 0, "b": 1, "ab": 70_000_000], "the id 70000000"),
      (["model", "vocab"], ["a": 0, "b": 1, "ab": 1], "belongs to another"),
      (["model", "vocab"], ["a": 0, "b": 1, "ab": -1], "the id -1"),
      (["model", "vocab"], ["a": 0, "b": 1, "ab": "2"], "found a string"),
      (["model", "vocab"], [], "expected an object"),
      (["model", "merges"], [["a", "x"]], "\"x\""), (["model", "merges"], [["b", "a"]], "\"ba\""),
      (["model", "merges"], ["a b c"], "merges[0]"), (["model", "merges"], [7], "merges[0]"),
      (["model", "merges"], "a b", "expected an array"),
      (["added_tokens"], [["id": 3, "content": "<s>"], ["id": 4, "content": "<s>"]], "the id 3"),
      (["added_tokens"], [["id": 1, "content": "<s>"]], "the id"),
      (["added_tokens"], [["id": 1, "content": "a"]], "differs from the token's id"),
      (["added_tokens"], [["id": 4_294_967_296, "content": "<s>"]], "can't be"),
      (["added_tokens"], [["content": "<s>"]], "\"id\" is missing"),
      (["added_tokens"], 3, "expected an array"),
      (
        ["pre_tokenizer"], ["type": "Metaspace", "replacement": "▁▁", "prepend_scheme": "always"],
        "single character"
      ),
      (
        ["pre_tokenizer"],
        [
          "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first",
          "add_prefix_space": false,
        ],
        "prepend_scheme"
      ),
      (
        ["normalizer"],
        [
          "type": "Replace", "pattern": ["String": "a"],
          "content": .string(String(repeating: "a", count: 999)),
        ],
        "64-fold"
      ),
      (
        ["post_processor"],
        [
          "type": "TemplateProcessing",
          "single": [["SpecialToken": ["id": "x"]], ["Sequence": ["id": "A"]]],
          "special_tokens": ["x": ["ids": [99]]],
        ], "the id 99"
      ),
    ] as [([String], JSON, String)])
  func contradiction(path: [String], value: JSON, word: String) {
    let finding = finding(with(path, value))
    #expect(finding.contains(word), "\(finding)")
  }

  @Test("sequences that are too deep or too long are refused")
  func nesting() {
    var step: JSON = ["type": "NFC"]
    for _ in 0..<40 { step = ["type": "Sequence", "normalizers": [step]] }
    #expect(finding(with(["normalizer"], step)).contains("nested deeper"))
    let long: JSON = [
      "type": "Sequence", "normalizers": .array(Array(repeating: ["type": "NFC"], count: 99)),
    ]
    #expect(finding(with(["normalizer"], long)).contains("in a row"))
  }

  @Test("unbounded growth of the text is refused, in encoding and decoding")
  func growth() {
    let prefix: JSON = ["type": "Prepend", "prepend": .string(String(repeating: "x", count: 65))]
    #expect(finding(with(["normalizer"], prefix)).contains("a prefix of 65 bytes"))
    let double: JSON = ["type": "Replace", "pattern": ["Regex": "."], "content": "abc"]
    let sequence: JSON = [
      "type": "Sequence", "decoders": .array(Array(repeating: double, count: 9)),
    ]
    #expect(
      finding(with(["decoder"], sequence)).contains("decoder: the steps can make a text grow"))
  }

  @Test("a template that repeats a long list of ids is refused")
  func templates() {
    let template: JSON = [
      "type": "TemplateProcessing",
      "single": .array(
        Array(repeating: ["SpecialToken": ["id": "x"]], count: 3000) + [["Sequence": ["id": "A"]]]),
      "special_tokens": ["x": ["ids": .array([JSON](repeating: 1, count: 3000))]],
    ]
    #expect(finding(with(["post_processor"], template)).contains("more than 1024"))
    let long: JSON = [
      "type": "Sequence",
      "processors": .array(
        [JSON](
          repeating: ["type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 1]], count: 3000)),
    ]
    #expect(finding(with(["post_processor"], long)).contains("more than 1024"))
  }

  @Test("literals longer than the text cost nothing")
  func longLiterals() throws {
    let literal = String(repeating: "a", count: 1 << 16) + "b"
    let tokenizer = try Tokenizer(
      json: ByteSlice(
        with(
          ["normalizer"],
          ["type": "Replace", "pattern": ["String": .string(literal)], "content": "b"]
        ).canonicalBytes))
    let started = ContinuousClock.now
    #expect(tokenizer.encode(String(repeating: "a<s>", count: 1 << 12)).count == 1 << 13)
    #expect(ContinuousClock.now - started < .seconds(20))
  }

  @Test("a decoder of characters may follow one that leaves them incomplete")
  func incompleteCharacters() throws {
    let root: JSON = [
      "model": ["vocab": ["ð": 0, "Ł": 1], "merges": []],
      "decoder": [
        "type": "Sequence",
        "decoders": [
          ["type": "ByteLevel"], ["type": "Replace", "pattern": ["Regex": "[^a]"], "content": "a"],
        ],
      ],
    ]
    let tokenizer = try Tokenizer(json: ByteSlice(root.canonicalBytes))
    #expect(tokenizer.decode([0]) == "a" && tokenizer.decode([1, 0, 1]) == "aa")
  }

  @Test("a truncated file is refused", arguments: Golden.names)
  func truncated(name: String) throws {
    let bytes = try Golden.bytes("\(name).tokenizer.json").array
    for length in stride(from: 0, to: bytes.count - 2, by: max(97, bytes.count / 60)) {
      #expect(throws: Failure.self) { _ = try Tokenizer(json: ByteSlice(Array(bytes[..<length]))) }
    }
  }

  /// How many damaged files are refused is a matter of luck; those that aren't give valid ids.
  @Test(
    "a damaged file is refused or gives valid ids", .timeLimit(.minutes(5)),
    arguments: Golden.names)
  func mutated(name: String) throws {
    let original = try Golden.bytes("\(name).tokenizer.json").array
    var random = TestRandom(name)
    let text = Array("The 12 cafe\u{301} <s>x<|im_end|> don't \u{1F600}  \n".utf8)
    for _ in 0..<150 {
      var bytes = original
      for _ in 0...random.below(3) {
        // The interesting members come before and after the vocabulary.
        let near = random.below(2) == 0 ? random.below(1500) : random.below(bytes.count)
        let at = min(near, bytes.count - 1)
        switch random.below(4) {
        case 0: bytes[at] ^= 1 << UInt8(random.below(8))
        case 1: bytes[at] = Array("0123456789-{}[],:\"ntfae\\ ".utf8)[random.below(25)]
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(20)))
        default:
          let from = random.below(bytes.count)
          bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + random.below(40))], at: at)
        }
      }
      do {
        let tokenizer = try Tokenizer(json: ByteSlice(bytes))
        let ids = tokenizer.encode(bytes: text, addSpecialTokens: true)
        #expect(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize }, "\(random.note)")
        _ = tokenizer.decode(ids)
      } catch {
        #expect(error.kind == .invalidData, "\(random.note): \(error)")
      }
    }
  }
}
