import Bytes

extension BytePairModel {
  /// Reads the member `model` of a tokenizer.json.
  ///
  /// - Parameters:
  ///   - tokens: The texts of the vocabulary by id.
  ///   - rawBytes: Whether words are passed as bytes rather than in the byte alphabet.
  init(_ place: JSONPlace, tokens: TokenTable, rawBytes: Bool) throws(Failure) {
    merges = try Self.readMerges(place.required("merges"), tokens)
    unknown = try Self.readUnknown(place, tokens)
    fusesUnknown = try place.flag("fuse_unk", default: false)
    let fallsBack = try place.flag("byte_fallback", default: false)
    byteTokens =
      fallsBack ? (0...255).map { tokens.id(ByteToken.text(UInt8($0))) ?? -1 } : nil
    alphabet = rawBytes ? Self.byteAlphabet(tokens) : Self.characterAlphabet(tokens)
    if try place.flag("ignore_merges", default: false) {
      (wholeWords, wholeWordIDs) = Self.words(tokens, rawBytes: rawBytes)
    } else {
      (wholeWords, wholeWordIDs) = (nil, [])
    }
  }

  /// Refuses settings that would change the ids and aren't supported.
  static func checkSupported(_ place: JSONPlace) throws(Failure) {
    if let type = place.optional("type"), try type.string() != "BPE" {
      throw type.unsupported("model", try type.string())
    }
    if let dropout = place.optional("dropout"), dropout.value.double != 0 {
      throw dropout.failure("dropout is only for training; set it to null")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = place.optional(key), try !affix.string().isEmpty {
        throw affix.failure("is \"\(try affix.string().prefix(64))\"; only \"\" is supported")
      }
    }
  }

  private static func readUnknown(_ place: JSONPlace, _ tokens: TokenTable) throws(Failure)
    -> Int32?
  {
    guard let unknown = place.optional("unk_token") else { return nil }
    let text = try unknown.string()
    guard let id = tokens.id(Array(text.utf8)) else {
      throw unknown.failure("the unknown token \"\(text.prefix(64))\" isn't in the vocabulary")
    }
    return id
  }

  private static func readMerges(_ place: JSONPlace, _ tokens: TokenTable) throws(Failure)
    -> PairTable
  {
    guard let list = place.value.array else {
      throw place.failure("expected an array, found \(place.value.kindName)")
    }
    var table = PairTable(minimumCapacity: list.count)
    for (rank, entry) in list.enumerated() {
      func failure(_ finding: String) -> Failure {
        JSONPlace(value: entry, path: "\(place.path)[\(rank)]", file: place.file).failure(finding)
      }
      guard rank < Int(UInt32.max) - 1 else { throw failure("too many merges") }
      guard let (left, right) = halves(entry) else {
        throw failure("expected \"left right\" or [\"left\", \"right\"]")
      }
      func id(_ text: [UInt8]) throws(Failure) -> Int32 {
        guard let id = tokens.id(text) else {
          let shown = String(decoding: text.prefix(64), as: UTF8.self)
          throw failure("the merge needs the token \"\(shown)\", which isn't in the vocabulary")
        }
        return id
      }
      let key = PairTable.key(try id(left), try id(right))
      let merged = try id(left + right)
      table.set(key, UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged)))
    }
    return table
  }

  /// The two tokens of a merge, given as one string or as a pair; nil if it is neither.
  private static func halves(_ entry: JSON) -> ([UInt8], [UInt8])? {
    if let pair = entry.array {
      guard pair.count == 2, let left = pair[0].string, let right = pair[1].string else {
        return nil
      }
      return (Array(left.utf8), Array(right.utf8))
    }
    guard let text = entry.string else { return nil }
    let parts = Array(text.utf8).split(separator: 0x20, omittingEmptySubsequences: false)
    return parts.count == 2 ? (Array(parts[0]), Array(parts[1])) : nil
  }

  private static func byteAlphabet(_ tokens: TokenTable) -> Alphabet {
    .bytes((0...255).map { tokens.id(ByteAlphabet.written([UInt8($0)])) ?? -1 })
  }

  private static func characterAlphabet(_ tokens: TokenTable) -> Alphabet {
    var basic = [Int32](repeating: -1, count: 0x10000)
    var others = PairTable()
    for id in 0..<Int32(truncatingIfNeeded: tokens.count) {
      guard let text = tokens[id], !text.isEmpty, text.count <= 4 else { continue }
      let (scalar, length) = UTF8Text.scalar(text, 0)
      guard length == text.count, tokens.id(text) == id else { continue }
      if scalar < 0x10000 {
        basic[Int(scalar)] = id
      } else {
        others.set(UInt64(scalar), UInt64(UInt32(bitPattern: id)))
      }
    }
    return .characters(basic: basic, others: others)
  }

  /// The words that are single tokens, and their ids. With raw bytes, tokens outside the byte
  /// alphabet are left out.
  private static func words(_ tokens: TokenTable, rawBytes: Bool) -> (TokenTable, [Int32]) {
    var words: [[UInt8]] = []
    var ids: [Int32] = []
    for id in 0..<Int32(truncatingIfNeeded: tokens.count) {
      guard let text = tokens[id], let word = rawBytes ? ByteAlphabet.read(text) : text,
        !word.isEmpty
      else { continue }
      words.append(word)
      ids.append(id)
    }
    return (TokenTable(words), ids)
  }
}
