/// The vocabulary of a GGUF file, from its keys `tokenizer.ggml.*`.
package struct GGUFVocabulary: Sendable, Equatable {
  /// `tokenizer.ggml.model`: "gpt2" (byte-level BPE) or "llama" (scores, Metaspace, byte fallback).
  package var model: String
  /// `tokenizer.ggml.pre`: the pre-tokenizer's name, "default" if the file names none.
  package var preTokenizer: String
  /// Token texts by id, as raw bytes (a GGUF string need not be UTF-8).
  package var tokens: [[UInt8]]
  /// Token types by id (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte); empty if
  /// absent.
  package var types: [Int32]
  /// Scores by id; empty if absent.
  package var scores: [Float]
  /// Merges as "left right" in order of rank; nil if absent.
  package var merges: [[UInt8]]?
  package var bosToken: Int32?
  package var eosToken: Int32?
  package var unknownToken: Int32?
  /// `tokenizer.ggml.add_bos_token`; nil if absent.
  package var addBOS: Bool?
  /// `tokenizer.ggml.add_eos_token`; nil if absent.
  package var addEOS: Bool?
  /// `tokenizer.ggml.add_space_prefix`; nil if absent.
  package var addSpacePrefix: Bool?

  package init(
    model: String, preTokenizer: String, tokens: [[UInt8]], types: [Int32], scores: [Float],
    merges: [[UInt8]]?, bosToken: Int32?, eosToken: Int32?, unknownToken: Int32?, addBOS: Bool?,
    addEOS: Bool? = nil, addSpacePrefix: Bool?
  ) {
    self.model = model
    self.preTokenizer = preTokenizer
    self.tokens = tokens
    self.types = types
    self.scores = scores
    self.merges = merges
    self.bosToken = bosToken
    self.eosToken = eosToken
    self.unknownToken = unknownToken
    self.addBOS = addBOS
    self.addEOS = addEOS
    self.addSpacePrefix = addSpacePrefix
  }
}

extension GGUFVocabulary {
  /// The keys under `tokenizer.` that files have, by what becomes of them (llama.cpp's
  /// `llama_vocab::impl::load` and `tokenize`).
  package enum Key {
    /// Keys that decide ids or texts.
    package static let implemented = [
      "ggml.model", "ggml.tokens", "ggml.token_type",
      // For the model "gpt2" alone; llama.cpp ignores them for "llama".
      "ggml.pre", "ggml.merges",
      // For the model "llama" alone; llama.cpp ignores them for "gpt2".
      "ggml.scores", "ggml.unknown_token_id", "ggml.add_space_prefix",
      "ggml.bos_token_id", "ggml.eos_token_id", "ggml.add_bos_token", "ggml.add_eos_token",
      // Tokens at which generation stops, in the model's configuration.
      "ggml.eot_token_id", "ggml.eom_token_id",
    ]
    /// Keys of other vocabularies (BERT, T5, RWKV), which are refused by `tokenizer.ggml.model`, of
    /// padding, of infilling and chat templates, which aren't made here, and copies of other files:
    /// llama.cpp doesn't use them to tokenize with "gpt2" or "llama".
    package static let irrelevant = [
      "ggml.token_type_count", "ggml.seperator_token_id", "ggml.padding_token_id",
      "ggml.cls_token_id", "ggml.mask_token_id", "ggml.add_sep_token",
      "ggml.remove_extra_whitespaces", "ggml.precompiled_charsmap", "huggingface.json",
      "rwkv.world", "chat_template", "chat_template.{name}", "chat_templates",
      "ggml.fim_pre_token_id", "ggml.fim_suf_token_id", "ggml.fim_mid_token_id",
      "ggml.fim_pad_token_id", "ggml.fim_rep_token_id", "ggml.fim_sep_token_id",
      "ggml.prefix_token_id", "ggml.suffix_token_id", "ggml.middle_token_id",
    ]
    /// Keys of which one value is refused: they change the text before it is split.
    package static let refused = ["ggml.normalizer.lowercase", "ggml.normalizer.strip_accents"]
  }
}
