import Bytes

extension GGUFVocabulary {
  /// Reads the vocabulary under `tokenizer.ggml.`; nil if the file has none.
  ///
  /// - Parameter vocabularySize: Rows of the embedding, which may be more than there are tokens; nil
  ///   for a file without weights.
  init?(_ metadata: GGUFMetadata, vocabularySize: Int?) throws(Failure) {
    func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
    guard let model = try metadata.string(key("model")), model != "none", model != "no_vocab" else {
      return nil
    }
    guard let tokens = try metadata.array(key("tokens"), of: "strings", \.strings) else {
      throw metadata.failure(key("tokens"), "is missing, though \(key("model")) is \(model.quoted)")
    }
    if let vocabularySize, tokens.count > vocabularySize {
      throw metadata.failure(
        key("tokens"), "holds \(tokens.count) tokens for an embedding of \(vocabularySize) rows")
    }
    let types = try metadata.array(key("token_type"), of: "integers", \.integers) ?? []
    let scores = try metadata.array(key("scores"), of: "float32 numbers", \.floats) ?? []
    for (name, count) in [("token_type", types.count), ("scores", scores.count)] {
      guard count == 0 || count == tokens.count else {
        throw metadata.failure(key(name), "holds \(count) values for \(tokens.count) tokens")
      }
    }
    for name in Key.refused {
      guard try metadata.boolean("tokenizer.\(name)") == true else { continue }
      throw metadata.failure("tokenizer.\(name)", "is true; only false is supported")
    }
    self.init(
      model: model,
      preTokenizer: try metadata.string(key("pre")) ?? "default",
      tokens: tokens, types: types, scores: scores,
      merges: try metadata.array(key("merges"), of: "strings", \.strings),
      bosToken: try metadata.token("bos_token_id", below: tokens.count),
      eosToken: try metadata.token("eos_token_id", below: tokens.count),
      unknownToken: try metadata.token("unknown_token_id", below: tokens.count),
      addBOS: try metadata.boolean(key("add_bos_token")),
      addEOS: try metadata.boolean(key("add_eos_token")),
      addSpacePrefix: try metadata.boolean(key("add_space_prefix")))
  }
}
