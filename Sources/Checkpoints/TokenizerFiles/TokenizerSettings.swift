import Bytes

/// The files beside a tokenizer's vocabulary that also describe it: tokenizer_config.json,
/// special_tokens_map.json and added_tokens.json.
///
/// They are read as transformers' `AutoTokenizer` reads them (5.23, `PreTrainedTokenizerBase
/// ._from_pretrained` and `TokenizersBackend.__init__`). Every key of tokenizer_config.json is
/// implemented here, has no effect on ids or decoded text (`TokenizerSettings.Key`), or is refused
/// with its value.
package struct TokenizerSettings: Sendable {
  /// The contents of the three files; empty for one that is absent.
  let settings: JSONObject
  let specialTokens: JSONObject
  let addedTokens: JSONObject
  let folder: String?

  /// The names of the three files.
  static let names = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]

  package init(
    settings: ByteSlice?, specialTokens: ByteSlice?, addedTokens: ByteSlice?, folder: String?
  ) throws(Failure) {
    func object(_ bytes: ByteSlice?, _ name: String) throws(Failure) -> JSONObject {
      guard let bytes else { return [:] }
      let file = folder.map { "\($0)/\(name)" } ?? name
      try FileContent.expect(.json, in: bytes, file: file)
      let value = try JSON(parsing: bytes.withoutByteOrderMark, file: file)
      guard let object = value.object else {
        throw Failure(.invalidData, file: file, "expected an object, found \(value.kindName)")
      }
      return object
    }
    self.folder = folder
    self.settings = try object(settings, Self.names[0])
    self.specialTokens = try object(specialTokens, Self.names[1])
    self.addedTokens = try object(addedTokens, Self.names[2])
    try refuseUnsupported()
  }

  /// Reads those of the files that are in `folder`, and appends their paths to `files`.
  init(folder: String, files: inout [String]) throws(Failure) {
    var bytes: [ByteSlice?] = []
    for name in Self.names {
      let path = "\(folder)/\(name)"
      let exists = Checkpoint.exists(path)
      bytes.append(exists ? try MappedFile(path: path).bytes : nil)
      if exists { files.append(path) }
    }
    try self.init(
      settings: bytes[0], specialTokens: bytes[1], addedTokens: bytes[2], folder: folder)
  }

  func failure(_ key: String, _ finding: String, file: Int = 0, advice: String? = nil) -> Failure {
    let name = Self.names[file]
    return Failure(
      .invalidData, file: folder.map { "\($0)/\(name)" } ?? name, at: "key \(key.quoted)", finding,
      advice: advice)
  }

  /// The boolean at `key` of tokenizer_config.json; nil if it is absent or null.
  package func flag(_ key: String) throws(Failure) -> Bool? {
    guard let value = settings[key], !value.isNull else { return nil }
    guard let bool = value.bool else {
      throw failure(key, "expected true or false, found \(value.kindName)")
    }
    return bool
  }

  /// The name of the tokenizer's class; nil if none is given.
  package var className: String? { settings["tokenizer_class"]?.string }

  /// Whether added_tokens_decoder is present, which makes transformers ignore the two older files.
  var hasDecoder: Bool { settings["added_tokens_decoder"] != nil }

  private func refuseUnsupported() throws(Failure) {
    let cleaning = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
    for key in ["split_special_tokens", cleaning, "fix_mistral_regex"] {
      if try flag(key) == true {
        throw failure(key, "is true; only false is supported", advice: "set it to false")
      }
    }
    if let inputs = settings["init_inputs"]?.array, !inputs.isEmpty {
      throw failure("init_inputs", "holds \(inputs.count) values; only none is supported")
    }
  }
}

extension TokenizerSettings {
  /// The keys of tokenizer_config.json by what becomes of them.
  package enum Key {
    /// Keys that name special tokens; any other key that ends in "_token" names one, too.
    package static let named = [
      "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]
    /// Other keys that have an effect.
    package static let implemented = [
      "added_tokens_decoder", "additional_special_tokens", "extra_special_tokens",
      "model_specific_special_tokens", "tokenizer_class",
      // Must agree with tokenizer.json; beside vocab.json and merges.txt it decides.
      "add_prefix_space",
      // Ignored beside a tokenizer.json, whose post-processor decides.
      "add_bos_token", "add_eos_token",
    ]
    /// Keys of which one value is refused.
    package static let refused = [
      "split_special_tokens", "fix_mistral_regex", "init_inputs",
      "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
    ]
    /// Keys without an effect on the ids of a text or the text of ids, for these reasons: they are
    /// defaults of calls that aren't made here (padding, truncation, chat templates), or belong to
    /// classes that aren't BPE, or say where the tokenizer came from, or were used up when
    /// tokenizer.json was made of an older form. `clean_up_tokenization_spaces` is skipped for BPE
    /// by transformers itself, and `errors` concerns the decoder in Python.
    package static let irrelevant = [
      "auto_map", "backend", "chat_control_tokens", "chat_template", "clean_up_tokenization_spaces",
      "deprecation_warnings", "do_lower_case", "errors", "files_loaded", "from_slow", "gguf_file",
      "is_local", "keep_accents", "legacy", "local_files_only", "max_len", "max_length",
      "merges_file", "model_input_names", "model_max_length", "name_or_path", "pad_to_multiple_of",
      "pad_token_type_id", "padding_side", "processor_class", "remove_space", "response_schema",
      "response_template", "sp_model_kwargs", "spaces_between_special_tokens",
      "special_tokens_map_file", "stride", "strip_accents", "tokenize_chinese_chars",
      "tokenizer_file", "trim_offsets", "truncation_side", "truncation_strategy", "unk_id",
      "use_default_system_prompt", "use_fast", "verbose", "vocab_file",
    ]
  }
}
