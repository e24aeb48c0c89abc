import Glibc

/// Formatting of numbers for display, with only the significant digits.
package enum Figure {
  /// Formats `value` with four significant digits: `12.35`, `0.01235`, `1.235e+06`.
  package static func short(_ value: Double) -> String { formatted("%.4g", value) }

  /// Formats `value` with `decimals` digits after the decimal point.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    formatted("%.\(decimals)f", value)
  }

  /// Formats a number of bytes in decimal units: `538.1 MB`.
  package static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["bytes", "kB", "MB", "GB"] {
      if value < 1000 || unit == "GB" {
        return unit == "bytes" ? "\(count) bytes" : "\(fixed(value, 1)) \(unit)"
      }
      value /= 1000
    }
    return "\(count) bytes"
  }

  /// Formats an integer with thousands separators: `134,515,008`.
  package static func count(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value.magnitude).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + String(text.reversed())
  }

  /// Formats a share from 0 to 1 as a percentage: `83.0 %`.
  package static func percent(_ share: Double) -> String { "\(fixed(share * 100, 1)) %" }

  /// Formats a duration in seconds: `0.4 s`, `42 s`, `3:10`, `2:05:00`, `12 days`.
  package static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "?" }
    if seconds < 9.95 { return "\((seconds * 10).rounded() / 10) s" }
    let whole = Int(min(seconds, 1e9).rounded())
    if whole < 60 { return "\(whole) s" }
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60))" }
    if whole >= 72 * 3600 { return "\((whole + 43_200) / 86_400) days" }
    return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
  }

  /// Formats `value` with printf in the C locale. The longest result is a `%f` near 1e308: 310
  /// digits and the requested decimals.
  private static func formatted(_ format: String, _ value: Double) -> String {
    let capacity = 512
    return unsafe String(unsafeUninitializedCapacity: capacity) { buffer in
      let count = unsafe withVaList([value]) { arguments in
        unsafe buffer.withMemoryRebound(to: CChar.self) { text in
          unsafe vsnprintf(text.baseAddress, capacity, format, arguments)
        }
      }
      return min(max(0, Int(count)), capacity - 1)
    }
  }
}
