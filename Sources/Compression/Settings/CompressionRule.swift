/// Settings for the linear layers whose names match a pattern.
package struct CompressionRule: Sendable, Hashable {
  /// A pattern for the whole name, in which `*` matches any characters; the name's `.weight` may be
  /// omitted: `*.down_proj`, `model.layers.0.*`.
  package var pattern: String
  package var settings: TensorSettings

  package init(pattern: String, settings: TensorSettings) {
    self.pattern = pattern
    self.settings = settings
  }

  /// Whether the pattern matches the name of a tensor.
  package func fits(_ tensor: String) -> Bool {
    let suffix = ".weight"
    return Self.fits(tensor.utf8[...], pattern.utf8[...])
      || (tensor.hasSuffix(suffix)
        && Self.fits(tensor.utf8.dropLast(suffix.count), pattern.utf8[...]))
  }

  /// Matches by backtracking to the last `*` only; going back to an earlier one can't help.
  private static func fits(_ text: Substring.UTF8View, _ pattern: Substring.UTF8View) -> Bool {
    let (text, pattern) = (Array(text), Array(pattern))
    var (t, p) = (0, 0)
    var star: (pattern: Int, text: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let last = star {
        star = (last.pattern, last.text + 1)
        p = last.pattern + 1
        t = last.text + 1
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
