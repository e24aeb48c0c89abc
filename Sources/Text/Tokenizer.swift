import Bytes
import Checkpoints

/// Text to token ids and back, as a model was trained on them.
///
/// Read from a Hugging Face `tokenizer.json` (byte-pair encoding: byte-level, or of characters with
/// byte fallback), from the older vocab.json with merges.txt, or from the vocabulary inside a GGUF
/// file. Ids agree with Hugging Face
/// `tokenizers`; a component that isn't built is refused by name, never ignored. Truncation and
/// padding, which a file may also ask for, belong to whoever builds batches and are left aside.
package struct Tokenizer: Sendable {
  let parts: Parts

  /// Everything that is fixed once the file is read; shared by all copies.
  final class Parts: Sendable {
    let normalizers: [Normalizer]
    let preTokenizers: PreTokenizers
    let model: BytePairModel
    let frame: SpecialTokenFrame
    let decoders: [Decoder]?
    let texts: TokenTable
    let added: [AddedToken]
    /// By id.
    let isSpecial: [Bool]
    /// Finds the tokens that are looked for in the text as it is.
    let rawFinder: AddedTokenFinder
    /// Finds the tokens that are looked for after normalization.
    let normalizedFinder: AddedTokenFinder
    /// A character at which long words can be cut without changing their merges; see `WordSink`.
    let cutMark: [UInt8]?
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

  /// Reads a `tokenizer.json`. Throws `invalidData` that names the place and what was found there.
  package init(json: ByteSlice, file: String? = nil) throws(Failure) {
    let value = try JSON(parsing: json, file: file)
    parts = try Parts(JSONPlace(value: value, path: "", file: file), document: json)
  }

  /// Reads a vocab.json with its merges.txt, as `GPT2Tokenizer` saves them. Throws `invalidData`
  /// that names the file and what was found there.
  ///
  /// - Parameter folder: where they lie, for errors.
  package init(bytePair files: BytePairFiles, folder: String? = nil) throws(Failure) {
    let document = try BytePairDocument(files: files, folder: folder).document()
    parts = try Parts(
      JSONPlace(value: document, path: "", file: folder),
      document: ByteSlice(document.canonicalBytes))
  }

  /// Reads the vocabulary inside a GGUF file. Throws `invalidData` for what isn't supported.
  package init(gguf vocabulary: GGUFVocabulary, file: String? = nil) throws(Failure) {
    let document = try GGUFTokenizerDocument(vocabulary, file: file).document()
    parts = try Parts(
      JSONPlace(value: document, path: "", file: file),
      document: ByteSlice(document.canonicalBytes))
  }

  /// A tokenizer.json that reads back to the same tokenizer: the file's own bytes, or for the
  /// other forms a canonical document, the same bytes each time.
  package var canonicalJSON: [UInt8] { parts.document.array }

  /// The number of ids, added tokens included; ids run from 0 without holes.
  package var vocabularySize: Int { parts.texts.count }
  /// The token that begins a text, where the file tells.
  package var bosToken: Int32? { parts.bosToken }
  /// The token that ends a text, where the file tells.
  package var eosToken: Int32? { parts.eosToken }

  /// The text of a token as the vocabulary writes it ("Ġthe", "▁the", "<0x0A>"); nil for an unknown
  /// id.
  package func token(_ id: Int32) -> String? {
    parts.texts[id].map { String(decoding: $0, as: UTF8.self) }
  }

  /// The id of a token given as the vocabulary writes it.
  package func id(ofToken text: String) -> Int32? { parts.texts.id(Array(text.utf8)) }

  package func isSpecial(_ id: Int32) -> Bool {
    id >= 0 && Int(id) < parts.isSpecial.count && parts.isSpecial[Int(id)]
  }
}
