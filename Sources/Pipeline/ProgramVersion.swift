import Bytes

/// The program's version, printed by `ctpack --version` and recorded in provenance.
package enum ProgramVersion {
  package static let current = "0.1.0"

  /// The package URL of this version, which names the program in bills of materials.
  static let packageURL = packageURL(of: current)

  /// The package URL of a version: `pkg:generic/ctpack@0.1.0`. What has no place in a URL is percent-encoded.
  static func packageURL(of version: String) -> String {
    var text = "pkg:generic/ctpack@"
    for byte in version.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += "%" + Hexadecimal.encode([byte]).uppercased()
      }
    }
    return text
  }
}
