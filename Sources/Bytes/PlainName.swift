/// The one rule for names that are given: those of recipes, variants, prompts and adapters. They
/// are safe as file names, in commands and in reports, and are neither a path nor an option.
///
/// Readers accept names of bundles that other programs made, and show them by `ShownText`.
package enum PlainName {
  /// The allowed characters in words.
  package static let letters = "letters, digits, `-`, `_` and `.`"

  /// Returns whether `name` has 1 to 100 characters, all of them allowed, and begins with neither a
  /// dot nor a hyphen.
  package static func allows(_ name: String) -> Bool {
    (1...100).contains(name.utf8.count) && !name.hasPrefix(".") && !name.hasPrefix("-")
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

  /// Returns the first character of `name` that no writer puts into a name of any kind: one that a
  /// terminal obeys or that can't be seen; nil for none.
  package static func invisible(in name: String) -> String? {
    let scalar = name.unicodeScalars.first { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
        .unassigned:
        true
      default: false
      }
    }
    return scalar.map { scalar in
      let digits = String(scalar.value, radix: 16, uppercase: true)
      return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
  }
}
