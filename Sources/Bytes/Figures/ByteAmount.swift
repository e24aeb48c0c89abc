/// Amounts of memory in text: `4GiB`, `1.5 GiB`, `512 MiB`, or a plain number of bytes.
public enum ByteAmount {
  private static let units = [
    "": 1.0, "B": 1, "KiB": 1024, "MiB": 1_048_576, "GiB": 1_073_741_824,
  ]

  /// Parses an amount into bytes, rounded down; nil unless it is from 1 to below 2^60 bytes.
  public static func parse(_ text: String) -> Int? {
    let digits = text.prefix { $0.isNumber || ".+-eE".contains($0) }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    guard let number = Double(digits), number > 0, number.isFinite,
      let factor = units[String(unit)], number * factor < 0x1p60, number * factor >= 1
    else { return nil }
    return Int(number * factor)
  }
}
