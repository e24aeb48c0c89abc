/// Text forms of a value: canonical (for hashing and byte comparison) and indented (for readers).
extension JSON {
  /// The canonical text in UTF-8: keys sorted by their UTF-8 bytes, no spaces, the shortest decimal
  /// that reads back to the same double, and escapes only where JSON requires them. NaN and
  /// infinities, which JSON can't represent, become null.
  public var canonicalBytes: [UInt8] {
    var writer = JSONWriter(sink: ByteSink(), indented: false)
    writer.write(self)
    return writer.sink.bytes
  }

  /// The canonical text as a string.
  public var canonicalText: String { String(decoding: canonicalBytes, as: UTF8.self) }

  /// The value as text indented by two spaces, with members in insertion order.
  public var prettyText: String {
    var writer = JSONWriter(sink: ByteSink(), indented: true)
    writer.write(self)
    return String(decoding: writer.sink.bytes, as: UTF8.self)
  }

  /// The indented text with control characters and marks of direction escaped, for a terminal.
  package var shownText: String {
    var writer = JSONWriter(sink: ByteSink(), indented: true, isShown: true)
    writer.write(self)
    return String(decoding: writer.sink.bytes, as: UTF8.self)
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
