/// A key of PEFT's `rank_pattern` or `alpha_pattern`: a regular expression for the end of a module's
/// name, as `get_pattern_key` matches it.
///
/// Supported are those that name modules: letters, digits, "_" and "-"; a point, which stands for any
/// character, or "\."; "^" at the beginning and "$" at the end.
package struct PEFTPattern {
  /// The characters to match, from the first on; nil for any character.
  private var characters: [UInt8?] = []
  /// Whether the name must match from its beginning.
  private var isAnchored = false

  /// Returns nil for a regular expression of another form.
  package init?(_ pattern: String) {
    var rest = Substring(pattern)
    if rest.first == "^" {
      isAnchored = true
      rest.removeFirst()
    }
    if rest.last == "$" { rest.removeLast() }
    var isEscaped = false
    for byte in rest.utf8 {
      switch byte {
      case UInt8(ascii: "\\") where !isEscaped: isEscaped = true
      case UInt8(ascii: "."):
        characters.append(isEscaped ? byte : nil)
        isEscaped = false
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        if isEscaped { return nil }
        characters.append(byte)
      default: return nil
      }
    }
    if isEscaped || characters.isEmpty { return nil }
  }

  /// Whether the pattern matches the module `name`, or its end after a point.
  package func matches(_ name: String) -> Bool {
    let name = Array(name.utf8)
    let start = name.count - characters.count
    guard start >= 0, start == 0 || (!isAnchored && name[start - 1] == UInt8(ascii: ".")) else {
      return false
    }
    return zip(characters, name[start...]).allSatisfy { $0 == nil || $0 == $1 }
  }
}
