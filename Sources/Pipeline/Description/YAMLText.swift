import Bytes

/// YAML for a value: mappings and sequences in blocks, strings in double quotes unless they are plain words.
package enum YAMLText {
  /// The lines of an object's members, in their order.
  package static func lines(_ object: JSONObject, indent: Int = 0) -> [String] {
    let space = String(repeating: " ", count: indent)
    return object.flatMap { key, value -> [String] in
      let name = space + scalar(key) + ":"
      switch value {
      case .object(let members) where !members.isEmpty:
        return [name] + lines(members, indent: indent + 2)
      case .array(let items) where !items.isEmpty:
        return [name] + items.flatMap { item(of: $0, indent: indent) }
      default: return [name + " " + flow(value)]
      }
    }
  }

  /// The lines of a sequence's item: the first begins with `- ` at the indentation.
  private static func item(of value: JSON, indent: Int) -> [String] {
    let space = String(repeating: " ", count: indent)
    guard case .object(let members) = value, !members.isEmpty else {
      return [space + "- " + flow(value)]
    }
    var lines = lines(members, indent: indent + 2)
    lines[0] = space + "- " + lines[0].dropFirst(indent + 2)
    return lines
  }

  /// A value on one line.
  private static func flow(_ value: JSON) -> String {
    switch value {
    case .string(let text): scalar(text)
    case .array(let items): "[" + items.map(flow).joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.map { scalar($0.key) + ": " + flow($0.value) }.joined(separator: ", ") + "}"
    case .number: number(value.canonicalText)
    case .null, .bool, .integer: value.canonicalText
    }
  }

  /// A number, with a fraction before an exponent: readers of YAML 1.1 take `1e-05` for a string.
  private static func number(_ text: String) -> String {
    guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
    return String(text[..<exponent]) + ".0" + text[exponent...]
  }

  /// A string, in quotes unless every reader of YAML takes it for a string as it is.
  static func scalar(_ text: String) -> String {
    isPlain(text) ? text : "\"" + text.unicodeScalars.map(escaped).joined() + "\""
  }

  private static let reserved: Set<String> = [
    "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf",
  ]

  /// Whether the text begins with a letter, goes on with letters, digits and `-_./`, and is no word for a
  /// truth value or a number. ASCII alone.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, isLetter(first) else { return false }
    return !reserved.contains(text.lowercased())
      && text.unicodeScalars.allSatisfy {
        isLetter($0) || ("0"..."9").contains($0) || "-_./".unicodeScalars.contains($0)
      }
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  /// A character in double quotes: quotation marks, backslashes and what can't be seen are escaped.
  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    if scalar == "\"" || scalar == "\\" { return "\\\(scalar)" }
    let isShown = (" "..."~").contains(scalar) || scalar.properties.isAlphabetic
    if isShown { return String(scalar) }
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let width = scalar.value <= 0xFFFF ? 4 : 8
    let zeros = String(repeating: "0", count: width - digits.count)
    return (width == 4 ? "\\u" : "\\U") + zeros + digits
  }
}
