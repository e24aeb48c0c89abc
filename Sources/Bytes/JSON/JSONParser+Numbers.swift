extension JSONParser {
  /// The most bytes of a number; a double's exact decimal has at most 1,079.
  static let longestNumber = 4096

  mutating func number() throws(Failure) -> JSON {
    let start = offset
    var isInteger = true
    let negative = next == UInt8(ascii: "-")
    if negative { offset += 1 }
    if next == UInt8(ascii: "0") {
      offset += 1
    } else {
      try digits()
    }
    if next == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isInteger = false
      offset += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
      try digits()
    }
    guard offset - start <= Self.longestNumber else {
      throw failure("a number of more than \(Self.longestNumber) bytes", at: start)
    }
    if isInteger, let value = integer(start, negative) { return .integer(value) }
    let text = unsafe String(decoding: bytes[start..<offset], as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw failure("a number beyond the range of a double", at: start)
    }
    return .number(value)
  }

  private mutating func digits() throws(Failure) {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) else {
      throw unexpected("a digit")
    }
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { offset += 1 }
  }

  /// Converts the digits from `start` on; nil if they overflow 64 bits, or for "-0", which only a
  /// double distinguishes from 0.
  private func integer(_ start: Int, _ negative: Bool) -> Int64? {
    var value: Int64 = 0
    for at in (start + (negative ? 1 : 0))..<offset {
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let digit = unsafe Int64(bytes[at] - 0x30)
      let (sum, overflowedToo) =
        negative
        ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      if overflowed || overflowedToo { return nil }
      value = sum
    }
    return negative && value == 0 ? nil : value
  }
}
