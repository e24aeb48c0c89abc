import Bytes
import TestSupport
import Testing
import Text

/// Added tokens: the leftmost match first, the longest at each position, in linear time.
@Suite("Added tokens")
struct AddedTokenTests {
  /// A tokenizer of the letters a, b, c and the space, and of `tokens`.
  private func tokenizer(_ tokens: [String], _ settings: [String: JSON] = [:]) throws -> Tokenizer {
    var added: [JSON] = []
    for (index, token) in tokens.enumerated() {
      var entry: JSONObject = [
        "id": JSON(4 + index), "content": .string(token), "special": true, "normalized": false,
      ]
      for (key, value) in settings { entry[key] = value }
      added.append(.object(entry))
    }
    let root: JSON = [
      "added_tokens": .array(added),
      "model": ["vocab": ["a": 0, "b": 1, "c": 2, " ": 3], "merges": []],
    ]
    return try Tokenizer(json: ByteSlice(root.canonicalBytes))
  }

  /// The ids by trying every token at every position.
  private func expected(_ tokens: [String], _ text: [UInt8]) -> [Int32] {
    var ids: [Int32] = []
    var at = 0
    while at < text.count {
      var best: (id: Int, length: Int)?
      for (index, token) in tokens.enumerated() {
        let bytes = Array(token.utf8)
        if text[at...].starts(with: bytes), bytes.count > best?.length ?? 0 {
          best = (4 + index, bytes.count)
        }
      }
      if let best {
        ids.append(Int32(best.id))
        at += best.length
      } else {
        ids.append(Int32([0x61: 0, 0x62: 1, 0x63: 2, 0x20: 3][text[at]] ?? -1))
        at += 1
      }
    }
    return ids
  }

  @Test("the matches are those of the definition, for short and long tokens that begin alike")
  func agreesWithTheDefinition() throws {
    var random = TestRandom("tokens")
    for trial in 0..<40 {
      let longest = trial % 2 == 0 ? 6 : 90
      func word(_ most: Int) -> String {
        // Mostly one letter, so that tokens share long beginnings and ends.
        String((0...random.below(most)).map { _ in random.below(12) == 0 ? "b" : "a" })
      }
      let tokens = Array(Set((0..<12).map { _ in word(longest) }).subtracting(["a", "b"])).sorted()
      let tokenizer = try tokenizer(tokens)
      for _ in 0..<4 {
        let text = word(3000)
        #expect(
          tokenizer.encode(text) == expected(tokens, Array(text.utf8)), "trial \(trial): \(tokens)")
      }
    }
  }

  @Test("a match found in a block may begin or end in another one")
  func blocksAreJoined() throws {
    let long = String(repeating: "a", count: 400)
    let tokens = [long + "b", long + "c", String(repeating: "a", count: 37) + "bb"]
    let tokenizer = try tokenizer(tokens)
    var text = String(repeating: "a", count: 18_000)
    for _ in 0..<2 { text += "b" + String(repeating: "a", count: 16_384 - 201) + "bb" + long + "c" }
    #expect(tokenizer.encode(text) == expected(tokens, Array(text.utf8)))
  }

  @Test(
    "tokens that share long beginnings or ends take linear time", .timeLimit(.minutes(2)),
    arguments: [0, 1, 2])
  func sharedBeginnings(kind: Int) throws {
    let letters = String(repeating: "a", count: 1000)
    let tokens: [String] =
      switch kind {
      case 0: (0..<20).map { String(letters.prefix(1000 - $0)) + "b" }
      case 1: [letters + "c", "aa"]
      default: (0..<20).map { "b" + String(letters.prefix(1000 - $0)) + "c" } + ["aa"]
      }
    let tokenizer = try tokenizer(tokens)
    let text = String(repeating: "a", count: 1 << 19)
    let started = ContinuousClock.now
    let ids = tokenizer.encode(text)
    #expect(ContinuousClock.now - started < .seconds(30))
    #expect(ids.count == (kind == 0 ? 1 << 19 : 1 << 18))
  }

  @Test("a run of whitespace that many matches strip is read once", .timeLimit(.minutes(2)))
  func strippedRuns() throws {
    let tokenizer = try tokenizer(["  ", "a "], ["rstrip": true])
    let text = String(repeating: " ", count: 1 << 18) + "a"
    let started = ContinuousClock.now
    _ = tokenizer.encode(text)
    #expect(ContinuousClock.now - started < .seconds(30))
  }

  @Test("one long word is merged in n log n time", .timeLimit(.minutes(2)))
  func longWords() throws {
    var vocabulary: JSONObject = ["a": 0, "b": 1]
    var merges: [JSON] = []
    var word = "a"
    for _ in 0..<10 {
      merges.append([.string(word), .string(word)])
      word += word
      vocabulary[word] = JSON(vocabulary.count)
    }
    let root: JSON = ["model": ["vocab": .object(vocabulary), "merges": .array(merges)]]
    let tokenizer = try Tokenizer(json: ByteSlice(root.canonicalBytes))
    let started = ContinuousClock.now
    let ids = tokenizer.encode(String(repeating: "a", count: 1 << 19))
    #expect(ids.count == 1 << 9)
    #expect(ContinuousClock.now - started < .seconds(60))
  }

  @Test("prefixes of several normalizers are limited together")
  func prefixes() throws {
    let step: JSON = ["type": "Prepend", "prepend": .string(String(repeating: "a", count: 40))]
    let root: JSON = [
      "normalizer": ["type": "Sequence", "normalizers": [step, step]],
      "model": ["vocab": ["a": 0], "merges": []],
    ]
    let failure = #expect(throws: Failure.self) {
      try Tokenizer(json: ByteSlice(root.canonicalBytes))
    }
    #expect(failure?.finding.contains("80 bytes") == true)
  }
}
