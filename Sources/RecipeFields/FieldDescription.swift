import Bytes

/// One row of the reference of recipes: everything that a reader must know of a field.
package struct FieldDescription: Sendable, Equatable {
  package var name: String
  package var type: String
  /// The allowed values; nil where the type says it all.
  package var range: String?
  /// The value of a recipe that leaves the field out; "required" where it can't be left out.
  package var fallback: String
  /// Where the field means something: "kind: `lora`"; nil for everywhere.
  package var condition: String?
  package var meaning: String
  /// The fields of a section inside this one.
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

  package static let required = "required"

  /// This row and those of the sections inside, with names such as `validation.every`.
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

/// Ranges and lists of spellings in words.
package enum FieldText {
  /// A range as errors show it: "1...65536", or "0 and more" where there is no upper bound.
  package static func range(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max
      ? "\(range.lowerBound) and more" : "\(range.lowerBound)...\(range.upperBound)"
  }

  /// A range as errors show it: "0.0...1.0"; a bound that is no bound is left out.
  package static func range(_ range: ClosedRange<Double>) -> String {
    range.upperBound == .greatestFiniteMagnitude
      ? "\(range.lowerBound) and more" : "\(range.lowerBound)...\(range.upperBound)"
  }

  /// A range as the reference shows it: "1 to 65,536".
  package static func words(_ range: ClosedRange<Int>) -> String {
    let lower = number(range.lowerBound)
    return range.upperBound == .max ? "\(lower) or more" : "\(lower) to \(number(range.upperBound))"
  }

  /// A range as the reference shows it: "0 to 1"; bounds that are none are left out.
  package static func words(_ range: ClosedRange<Double>) -> String {
    let unbounded = Double.greatestFiniteMagnitude
    switch (range.lowerBound, range.upperBound) {
    case (-unbounded, unbounded): return "any"
    case (let lower, unbounded): return "\(number(lower)) or more"
    case (let lower, let upper): return "\(number(lower)) to \(number(upper))"
    }
  }

  /// A number with a comma between thousands.
  package static func number(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + text
  }

  /// A number without a fraction of 0, and powers of ten from 1e6 on as such.
  package static func number(_ value: Double) -> String {
    guard value == value.rounded(), value.magnitude < 1e15 else { return "\(value)" }
    let digits = String(Int(value))
    return digits.count > 6 && digits.dropFirst().allSatisfy { $0 == "0" } && digits.first == "1"
      ? "1e\(digits.count - 1)" : number(Int(value))
  }

  /// "`a`, `b` or `c`".
  package static func list(_ spellings: [String]) -> String {
    let quoted = spellings.map { "`\($0)`" }
    guard quoted.count > 1, let last = quoted.last else { return quoted.joined() }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
  }
}
