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
  /// Merges as "left right" in order of rank; empty if absent.
  package var merges: [[UInt8]]
  package var bosToken: Int32?
  package var eosToken: Int32?
  package var unknownToken: Int32?
  /// `tokenizer.ggml.add_bos_token`; nil if absent.
  package var addBOS: Bool?
  /// `tokenizer.ggml.add_space_prefix`; nil if absent.
  package var addSpacePrefix: Bool?

  package init(
    model: String, preTokenizer: String, tokens: [[UInt8]], types: [Int32], scores: [Float],
    merges: [[UInt8]], bosToken: Int32?, eosToken: Int32?, unknownToken: Int32?, addBOS: Bool?,
    addSpacePrefix: Bool?
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
    self.addSpacePrefix = addSpacePrefix
  }
}
