import Bytes
import Checkpoints

/// A model's byte-pair tokenizer: converts text to token ids and back.
///
/// It is read from a Hugging Face `tokenizer.json` (byte-level, or characters with byte fallback),
/// from the older vocab.json with merges.txt, or from the vocabulary of a GGUF file. Ids agree with
/// Hugging Face `tokenizers`, and with llama.cpp for GGUF; a component that isn't supported is refused by name, never ignored.
/// Truncation and padding, which a file may also define, are ignored, since batching is left to the
/// caller.
package struct Tokenizer: Sendable {
  let parts: Parts

  /// The immutable state, shared by all copies.
  final class Parts: Sendable {
    let normalizers: [Normalizer]
    let preTokenizers: PreTokenizers
    let model: BytePairModel
    let frame: SpecialTokenFrame
    let decoders: [Decoder]?
    let texts: TokenTable
    let added: [AddedToken]
    /// Whether each token is special, by id.
    let isSpecial: [Bool]
    /// Finds the added tokens that are matched in the original text.
    let rawFinder: AddedTokenFinder
    /// Finds the added tokens that are matched in the normalized text.
    let normalizedFinder: AddedTokenFinder
    /// The UTF-8 bytes of a character before which long words can be cut without changing their
    /// ids; see `WordSink`.
    let cutMark: [UInt8]?
    /// The tokenizer.json.
    let document: ByteSlice
    let bosToken: Int32?
    let eosToken: Int32?

    init(_ root: JSONPlace, document: ByteSlice) throws(Failure) {
      let vocabulary = try Vocabulary(root)
      normalizers =
        try root.optional("normalizer").map { (p) throws(Failure) in
          try Normalizer.read(p)
        } ?? []
      var preTokenizers = try PreTokenizers(root.optional("pre_tokenizer"))
      let decoders = try Decoder.read(root.optional("decoder"))
      self.decoders = decoders
      try GrowthLimit.check(root, normalizers, preTokenizers, decoders ?? [])
      let rawBytes = preTokenizers.leaveBytesRaw()
      self.preTokenizers = preTokenizers
      model = try BytePairModel(
        root.required("model"), tokens: vocabulary.model, rawBytes: rawBytes)
      frame = try SpecialTokenFrame(
        root.optional("post_processor"), vocabularySize: vocabulary.texts.count)
      texts = vocabulary.texts
      added = vocabulary.added
      var isSpecial = [Bool](repeating: false, count: vocabulary.texts.count)
      for token in added where token.isSpecial { isSpecial[Int(token.id)] = true }
      self.isSpecial = isSpecial
      let raw = added.filter { !$0.isNormalized }
      rawFinder = AddedTokenFinder(raw, spellings: raw.map(\.content))
      let normalized = added.filter(\.isNormalized)
      normalizedFinder = AddedTokenFinder(
        normalized,
        spellings: normalized.map { [normalizers] in Self.normalized($0.content, normalizers) })
      cutMark = WordSink.cutMark(normalizers, preTokenizers, model, vocabulary.model)
      self.document = document
      let own = root.optional("ctpack")
      bosToken =
        try own.flatMap { (p) throws(Failure) in try vocabulary.id(p.optional("bos")) }
        ?? (frame.before.count == 1 ? frame.before[0] : nil)
      eosToken =
        try own.flatMap { (p) throws(Failure) in try vocabulary.id(p.optional("eos")) }
        ?? (frame.after.count == 1 ? frame.after[0] : nil)
    }

    static func normalized(_ content: [UInt8], _ normalizers: [Normalizer]) -> [UInt8] {
      var text = content
      var isFirst = true
      for normalizer in normalizers { normalizer.apply(to: &text, isFirst: &isFirst) }
      return text
    }
  }

  /// Reads a `tokenizer.json`.
  /// - Throws: `invalidData` naming the path of the invalid or unsupported value.
  package init(json: ByteSlice, file: String? = nil) throws(Failure) {
    let value = try JSON(parsing: json, file: file)
    parts = try Parts(JSONPlace(value: value, path: "", file: file), document: json)
  }

  /// Reads a vocab.json with its merges.txt, as saved by transformers' `GPT2Tokenizer`.
  ///
  /// - Parameter folder: The folder of the files, for errors.
  /// - Throws: `invalidData` naming the file and the invalid or unsupported value.
  package init(bytePair files: BytePairFiles, folder: String? = nil) throws(Failure) {
    let document = try BytePairDocument(files: files, folder: folder).document()
    parts = try Parts(
      JSONPlace(value: document, path: "", file: folder),
      document: ByteSlice(document.canonicalBytes))
  }

  /// Reads the vocabulary of a GGUF file.
  /// - Throws: `invalidData` naming the key that is invalid or not supported.
  package init(gguf vocabulary: GGUFVocabulary, file: String? = nil) throws(Failure) {
    let document = try GGUFTokenizerDocument(vocabulary, file: file).document()
    parts = try Parts(
      JSONPlace(value: document, path: "", file: file),
      document: ByteSlice(document.canonicalBytes))
  }

  /// A tokenizer.json that reads back to the same tokenizer: the original bytes or, for the other
  /// forms, an equivalent document that is always the same.
  package var canonicalJSON: [UInt8] { parts.document.array }

  /// The highest id plus one, added tokens included; ids may have gaps.
  package var vocabularySize: Int { parts.texts.count }
  /// The token that begins a text; nil if the file doesn't define one.
  package var bosToken: Int32? { parts.bosToken }
  /// The token that ends a text; nil if the file doesn't define one.
  package var eosToken: Int32? { parts.eosToken }

  /// The text of a token in the vocabulary ("Ġthe", "▁the", "<0x0A>"); nil for an unknown id.
  package func token(_ id: Int32) -> String? {
    parts.texts[id].map { String(decoding: $0, as: UTF8.self) }
  }

  /// The id of a token by its text in the vocabulary; nil if there is none.
  package func id(ofToken text: String) -> Int32? { parts.texts.id(Array(text.utf8)) }

  /// Whether `id` is a special token.
  package func isSpecial(_ id: Int32) -> Bool {
    id >= 0 && Int(id) < parts.isSpecial.count && parts.isSpecial[Int(id)]
  }
}
