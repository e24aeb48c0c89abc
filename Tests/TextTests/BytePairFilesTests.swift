import Bytes
import Checkpoints
import Testing
import Text

@Suite("vocab.json with merges.txt")
struct BytePairFilesTests {
  /// The golden byte-level tokenizer as vocab.json and merges.txt.
  private func files(
    settings: JSONObject = [:], special: JSONObject? = nil, merges: ([String]) -> [String] = { $0 }
  ) throws -> BytePairFiles {
    let model = try Golden.json("byte-level.tokenizer.json").required("model")
    let pairs = (model["merges"]?.array ?? []).map { merge in
      (merge.array ?? []).compactMap(\.string).joined(separator: " ")
    }
    let lines = merges(["#version: 0.2"] + pairs + [""]).joined(separator: "\n")
    return BytePairFiles(
      vocabulary: ByteSlice(try model.required("vocab").canonicalBytes),
      merges: ByteSlice(Array(lines.utf8)),
      settings: ByteSlice(JSON.object(settings).canonicalBytes),
      specialTokens: special.map { ByteSlice(JSON.object($0).canonicalBytes) })
  }

  private static let special: JSONObject = [
    "bos_token": "<|im_start|>", "eos_token": ["content": "<|endoftext|>", "normalized": true],
    "pad_token": "<|im_end|>", "unk_token": "<|endoftext|>",
  ]

  @Test("ids and decoded text agree with the tokenizer.json") func agrees() throws {
    let tokenizer = try Tokenizer(bytePair: files(special: Self.special))
    let rows = try Golden.json("byte-level.expected.json").required("cases", as: [JSON].self)
    for (bytes, row) in zip(try Golden.hardCases(), rows) {
      let ids = tokenizer.encode(bytes: bytes)
      #expect(ids == Golden.ids(row[0]))
      let text = row[1]?.string ?? String(decoding: bytes, as: UTF8.self)
      #expect(tokenizer.decode(ids, skipSpecialTokens: false).utf8.elementsEqual(text.utf8))
    }
    #expect(tokenizer.bosToken == 1 && tokenizer.eosToken == 0 && tokenizer.isSpecial(2))
    #expect(tokenizer.encode("a", addSpecialTokens: true) == tokenizer.encode("a"))
  }

  @Test("add_bos_token adds a token before the text, as in OPT's settings") func begins() throws {
    var settings = Self.special
    settings["add_bos_token"] = true
    settings["tokenizer_class"] = "GPT2Tokenizer"
    let tokenizer = try Tokenizer(bytePair: files(settings: settings))
    #expect(tokenizer.encode("a", addSpecialTokens: true) == [1] + tokenizer.encode("a"))
    // The form stored in a bundle reads back to the same tokenizer.
    let again = try Tokenizer(json: ByteSlice(tokenizer.canonicalJSON))
    #expect(again.encode(" the hare", addSpecialTokens: true).first == 1)
    #expect(again.bosToken == 1 && again.eosToken == 0)
    #expect(again.canonicalJSON == tokenizer.canonicalJSON)
  }

  @Test("add_prefix_space adds a space before the text") func prefixes() throws {
    let tokenizer = try Tokenizer(bytePair: files(settings: ["add_prefix_space": true]))
    let plain = try Tokenizer(bytePair: files())
    #expect(tokenizer.encode("the") == plain.encode(" the"))
  }

  @Test("invalid files are refused with file and line") func refuses() throws {
    func expect(_ parts: String..., files: BytePairFiles) {
      do {
        _ = try Tokenizer(bytePair: files, folder: "opt")
        Issue.record("nothing was refused: \(parts)")
      } catch {
        #expect(error.kind == .invalidData)
        for part in parts { #expect(error.description.contains(part), "\(part): \(error)") }
      }
    }
    expect(
      "opt/merges.txt: line 3", "found \"one\"", "tokenizer.json",
      files: try files { Array($0[..<2]) + ["one"] })
    expect("opt/merges.txt: line 2", files: try files { Array($0[..<1]) + ["", "a b"] })
    expect(
      "tokenizer_config.json", "CodeGenTokenizer",
      files: try files(settings: ["tokenizer_class": "CodeGenTokenizer"]))
    expect(
      "opt/vocab.json", "expected an object",
      files: BytePairFiles(vocabulary: ByteSlice(Array("[]".utf8)), merges: ByteSlice([])))
  }
}
