import Evaluation

/// A tokenizer whose tokens are letters, except that a space before a letter belongs to it. Ids are
/// below 131: letters from 3 on, letters after a space from 60 on, and a lone space is 2.
enum ToyTokenizer {
  static let bos: Int32 = 1

  /// - Parameter addsBOS: whether it puts BOS before texts, as LLaMA's does.
  static func make(addsBOS: Bool = false, prefix: Int32? = bos) -> TaskTokenizer {
    TaskTokenizer(
      encode: { text, special in (special && addsBOS ? [bos] : []) + ids(text) },
      decode: { $0.map(letter).joined() }, prefix: prefix, prefixText: "^", end: 0)
  }

  static func ids(_ text: String) -> [Int32] {
    var ids: [Int32] = []
    var space = false
    for scalar in text.unicodeScalars {
      if scalar == " " {
        if space { ids.append(2) }
        space = true
      } else {
        ids.append((space ? 60 : 3) + Int32(scalar.value) % 57)
        space = false
      }
    }
    return ids + (space ? [2] : [])
  }

  private static func letter(_ id: Int32) -> String {
    id < 3 ? (id == 2 ? " " : "") : id >= 60 ? " " + character(id - 60) : character(id - 3)
  }

  /// "A" is 65 = 57 + 8.
  private static func character(_ rest: Int32) -> String {
    String(Character(Unicode.Scalar(UInt8(rest < 8 ? rest + 114 : rest + 57))))
  }
}
