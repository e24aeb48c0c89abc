import Foundation

/// Numbers for people: as many digits as say something.
package enum Figure {
  /// Four significant digits: `12.35`, `0.01235`, `1.235e+06`.
  package static func short(_ value: Double) -> String { String(format: "%.4g", value) }

  /// With `decimals` digits after the point.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value)
  }

  /// `538.1 MB`: decimal units, as disks are sold.
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

  /// `134,515,008`.
  package static func count(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value.magnitude).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + String(text.reversed())
  }

  /// `83 %`, of a share 0…1.
  package static func percent(_ share: Double) -> String { "\(fixed(share * 100, 1)) %" }
}
