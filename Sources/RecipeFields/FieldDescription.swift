import Bytes

/// A row of the recipe reference, which describes one field.
package struct FieldDescription: Sendable, Equatable {
  package var name: String
  package var type: String
  /// The allowed values; nil if the type implies them.
  package var range: String?
  /// The default value; "required" if the field can't be omitted.
  package var fallback: String
  /// The sections in which the field applies: "kind `lora`"; nil for all.
  package var condition: String?
  package var meaning: String
  /// The fields of a nested section.
  package var fields: [FieldDescription]

  package init(
    _ name: String, type: String, range: String? = nil, default fallback: String,
    if condition: String? = nil, _ meaning: String, fields: [FieldDescription] = []
  ) {
    self.name = name
    self.type = type
    self.range = range
    self.fallback = fallback
    self.condition = condition
    self.meaning = meaning
    self.fields = fields
  }

  /// The default of fields that can't be omitted.
  package static let required = "required"

  /// This row and those of nested sections, with qualified names such as `validation.every`.
  package var flattened: [FieldDescription] {
    var own = self
    own.fields = []
    return [own]
      + fields.flatMap(\.flattened).map { inner in
        var inner = inner
        inner.name = name + "." + inner.name
        return inner
      }
  }
}

/// Ranges, numbers and lists of spellings in words.
package enum FieldText {
  /// Returns a range for error messages: "1...65536", or "the range from 0 upwards" if there is no
  /// upper bound.
  package static func range(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max
      ? "the range from \(range.lowerBound) upwards" : "\(range.lowerBound)...\(range.upperBound)"
  }

  /// Returns a range for error messages: "0.0...1.0", or "the range from 0.0 upwards" if there is
  /// no upper bound.
  package static func range(_ range: ClosedRange<Double>) -> String {
    range.upperBound == .greatestFiniteMagnitude
      ? "the range from \(range.lowerBound) upwards" : "\(range.lowerBound)...\(range.upperBound)"
  }

  /// Returns a range for the reference: "1 to 65,536", or "0 or more" if there is no upper bound.
  package static func words(_ range: ClosedRange<Int>) -> String {
    let lower = number(range.lowerBound)
    return range.upperBound == .max ? "\(lower) or more" : "\(lower) to \(number(range.upperBound))"
  }

  /// Returns a range for the reference: "0 to 1", "0 or more" or "any".
  package static func words(_ range: ClosedRange<Double>) -> String {
    let unbounded = Double.greatestFiniteMagnitude
    switch (range.lowerBound, range.upperBound) {
    case (-unbounded, unbounded): return "any"
    case (let lower, unbounded): return "\(number(lower)) or more"
    case (let lower, let upper): return "\(number(lower)) to \(number(upper))"
    }
  }

  /// Formats an integer with a comma between thousands.
  package static func number(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + text
  }

  /// Formats a number, whole numbers without a fraction and powers of ten from 1e6 on as `1e6`.
  package static func number(_ value: Double) -> String {
    guard value == value.rounded(), value.magnitude < 1e15 else { return "\(value)" }
    let digits = String(Int(value))
    return digits.count > 6 && digits.dropFirst().allSatisfy { $0 == "0" } && digits.first == "1"
      ? "1e\(digits.count - 1)" : number(Int(value))
  }

  /// Joins spellings for the reference: "`a`, `b` or `c`".
  package static func list(_ spellings: [String]) -> String {
    let quoted = spellings.map { "`\($0)`" }
    guard quoted.count > 1, let last = quoted.last else { return quoted.joined() }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
  }
}
