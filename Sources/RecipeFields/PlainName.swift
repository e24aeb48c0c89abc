/// Names that are safe as file names, in commands and in reports.
package enum PlainName {
  /// The allowed characters in words.
  package static let letters = "letters, digits, `-`, `_` and `.`"

  /// Returns whether `name` has at most 100 characters, all of them allowed, and no leading dot.
  package static func allows(_ name: String) -> Bool {
    name.utf8.count <= 100 && !name.hasPrefix(".")
      && name.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
          UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}
