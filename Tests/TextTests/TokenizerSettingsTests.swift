import Bytes
import Checkpoints
import TestSupport
import Testing
import Text

/// The files beside a tokenizer's vocabulary, against the ids of transformers' AutoTokenizer
/// (`Golden/make_settings_golden.py`).
@Suite("Settings beside a tokenizer")
struct TokenizerSettingsTests {
  private func write(_ folder: TemporaryFolder, _ name: String, _ value: JSON) throws {
    let text = value.string.map { Array($0.utf8) } ?? value.canonicalBytes
    _ = try folder.write(name, text)
  }

  private func tokenizer(_ folder: TemporaryFolder) throws -> (Tokenizer, files: [String]) {
    let (material, files) = try Checkpoint.tokenizer(at: folder.path)
    switch material {
    case .huggingFace(let json): return (try Tokenizer(json: json, file: files[0]), files)
    case .bytePair(let parts): return (try Tokenizer(bytePair: parts, folder: folder.path), files)
    default: throw Failure(.inputMissing, "no tokenizer")
    }
  }

  /// A folder with the files of a golden case and the vocabulary that the case begins with.
  private func folder(_ golden: JSON, _ files: JSONObject, older: Bool) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    if older {
      try write(folder, "vocab.json", golden.required("vocabulary"))
      let merges = (golden["merges"]?.array ?? []).compactMap(\.string).joined(separator: "\r\n")
      try write(folder, "merges.txt", .string("\u{FEFF}#version: 0.2\r\n" + merges + "\r\n"))
    } else {
      try write(folder, "tokenizer.json", golden.required("tokenizer"))
    }
    for (name, value) in files { try write(folder, name, value) }
    return folder
  }

  @Test("ids agree with AutoTokenizer") func ids() throws {
    let golden = try Golden.json("settings.json")
    let text = try golden.required("text", as: String.self)
    let cases = try golden.required("cases", as: [JSON].self)
    #expect(cases.count > 30)
    for row in cases {
      let name = try row.required("name", as: String.self)
      let folder = try folder(
        golden, row.required("files", as: JSONObject.self), older: name.hasPrefix("older"))
      let (tokenizer, _) = try tokenizer(folder)
      #expect(tokenizer.encode(text) == Golden.ids(row["ids"]), "\(name)")
      let framed = tokenizer.encode("the", addSpecialTokens: true)
      #expect(framed == Golden.ids(row["framed"]), "\(name)")
      // The form in a bundle reads back to the same tokenizer.
      let again = try Tokenizer(json: ByteSlice(tokenizer.canonicalJSON))
      #expect(again.encode(text) == tokenizer.encode(text), "\(name)")
      #expect(again.vocabularySize == tokenizer.vocabularySize, "\(name)")
    }
  }

  @Test("settings that change nothing leave the bytes and the list of files as they are")
  func unchanged() throws {
    let golden = try Golden.json("settings.json")
    for name in ["known tokens", "no settings"] {
      let row = try #require(golden["cases"]?.array?.first { $0["name"]?.string == name })
      let folder = try folder(golden, row.required("files", as: JSONObject.self), older: false)
      let (tokenizer, files) = try tokenizer(folder)
      #expect(files == [folder.path + "/tokenizer.json"])
      #expect(try tokenizer.canonicalJSON == golden.required("tokenizer").canonicalBytes)
    }
    let row = try #require(
      golden["cases"]?.array?.first { $0["name"]?.string == "map before settings" })
    let changed = try folder(golden, row.required("files", as: JSONObject.self), older: false)
    #expect(
      try tokenizer(changed).files
        == ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"].map {
          changed.path + "/" + $0
        })
  }

  private func finding(_ files: JSONObject, older: Bool = false) throws -> String {
    let golden = try Golden.json("settings.json")
    let folder = try folder(golden, files, older: older)
    do {
      return "accepted: \(try tokenizer(folder).0.vocabularySize)"
    } catch let failure as Failure {
      #expect(failure.kind == .invalidData && failure.file?.hasPrefix(folder.path) == true)
      return failure.description
    }
  }

  @Test(
    "values that are not supported are refused with the key",
    arguments: [
      ("split_special_tokens", true, "is true"), ("fix_mistral_regex", true, "is true"),
      (
        "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", true, "is true"
      ),
      ("init_inputs", ["a"], "holds 1 values"), ("split_special_tokens", 1, "expected true or"),
      ("add_prefix_space", true, "is true, but tokenizer.json says false"),
      ("pad_token", 3, "expected a token"), ("pad_token", ["content": 3], "expected a token"),
      ("additional_special_tokens", "x", "expected an array"),
      ("added_tokens_decoder", [], "expected an object"),
      ("added_tokens_decoder", ["x": ["content": "a"]], "added_tokens_decoder.x"),
    ] as [(String, JSON, String)])
  func refused(key: String, value: JSON, word: String) throws {
    let found = try finding(["tokenizer_config.json": .object([key: value])])
    #expect(found.contains("tokenizer_config.json: key \"\(key)"), "\(found)")
    #expect(found.contains(word), "\(found)")
  }

  @Test("files of the wrong form are refused by name") func forms() throws {
    #expect(try finding(["added_tokens.json": ["<x>": "270"]]).contains("added_tokens.json: key"))
    #expect(try finding(["special_tokens_map.json": []]).contains("expected an object"))
    #expect(
      try finding(["config.json": ["model_type": "qwen2"]], older: true).contains("\"qwen2\" has"))
    let taken: JSON = ["special": true, "content": "[X]", "id": 5]
    let golden = try Golden.json("settings.json")
    var root = try golden.required("tokenizer", as: JSONObject.self)
    root["added_tokens"] = [taken]
    #expect(
      try finding(["tokenizer.json": .object(root)]).contains(
        "the id 5 already belongs to another token, \"ą\""))
  }
}
