/// Text forms of a value: canonical (for hashing and byte comparison) and indented (for readers).
extension JSON {
  /// The canonical text in UTF-8: keys sorted by their UTF-8 bytes, no spaces, the shortest decimal
  /// that reads back to the same double, and escapes only where JSON requires them. NaN and
  /// infinities, which JSON can't represent, become null.
  public var canonicalBytes: [UInt8] {
    var writer = JSONWriter(indented: false)
    writer.write(self)
    return writer.bytes
  }

  /// The canonical text as a string.
  public var canonicalText: String { String(decoding: canonicalBytes, as: UTF8.self) }

  /// The value as text indented by two spaces, with members in insertion order.
  public var prettyText: String {
    var writer = JSONWriter(indented: true)
    writer.write(self)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Returns the shortest decimal that reads back to `value`, always with a fraction or an
  /// exponent, so that it parses as a double and not as an integer.
  static func text(of value: Double) -> String {
    guard value.isFinite else { return "null" }
    // Swift prints without an exponent up to 2^54; the canonical form has one from 10^16 on.
    let text = value.description
    if value.magnitude >= 1e16, !text.utf8.contains(UInt8(ascii: "e")) {
      let sign = value < 0 ? "-" : ""
      let whole = text.utf8.drop { $0 == UInt8(ascii: "-") }.prefix { $0 != UInt8(ascii: ".") }
      var digits = Array(whole)
      let exponent = digits.count - 1
      while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
      if digits.count > 1 { digits.insert(UInt8(ascii: "."), at: 1) }
      return "\(sign)\(String(decoding: digits, as: UTF8.self))e+\(exponent)"
    }
    return text
  }
}

/// A serializer of JSON values into UTF-8 bytes.
private struct JSONWriter {
  var bytes: [UInt8] = []
  let indented: Bool
  private var depth = 0

  init(indented: Bool) { self.indented = indented }

  mutating func write(_ value: JSON) {
    switch value {
    case .null: put("null")
    case .bool(let value): put(value ? "true" : "false")
    case .integer(let value): put(value.description)
    case .number(let value): put(JSON.text(of: value))
    case .string(let value): write(string: value)
    case .array(let values):
      open("[")
      for (index, value) in values.enumerated() {
        separate(first: index == 0)
        write(value)
      }
      close("]", empty: values.isEmpty)
    case .object(let object):
      open("{")
      var order = Array(object.keys.indices)
      if !indented {
        order.sort { object.keys[$0].utf8.lexicographicallyPrecedes(object.keys[$1].utf8) }
      }
      for (index, member) in order.enumerated() {
        separate(first: index == 0)
        write(string: object.keys[member])
        put(indented ? ": " : ":")
        write(object.values[member])
      }
      close("}", empty: object.isEmpty)
    }
  }

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func open(_ text: String) {
    put(text)
    depth += 1
  }

  private mutating func close(_ text: String, empty: Bool) {
    depth -= 1
    if indented && !empty { newLine() }
    put(text)
  }

  private mutating func separate(first: Bool) {
    if !first { put(",") }
    if indented { newLine() }
  }

  private mutating func newLine() {
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
  }

  private mutating func write(string: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): put("\\\"")
      case UInt8(ascii: "\\"): put("\\\\")
      case 8: put("\\b")
      case 9: put("\\t")
      case 10: put("\\n")
      case 12: put("\\f")
      case 13: put("\\r")
      case 0..<32:
        put("\\u00")
        put(Hexadecimal.encode([byte]))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
