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
  /// "1...65536", or "0 and more" where there is no upper bound.
  package static func range(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max
      ? "\(range.lowerBound) and more" : "\(range.lowerBound)...\(range.upperBound)"
  }

  /// "0.0...1.0"; nil bounds are left out.
  package static func range(_ range: ClosedRange<Double>) -> String {
    let unbounded = Double.greatestFiniteMagnitude
    switch (range.lowerBound, range.upperBound) {
    case (-unbounded, unbounded): return "any number"
    case (let lower, unbounded): return "\(lower) and more"
    case (let lower, let upper): return "\(lower)...\(upper)"
    }
  }

  /// "a number as a reader writes it": 1 for 1.0.
  package static func number(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// "`a`, `b` or `c`".
  package static func list(_ spellings: [String]) -> String {
    let quoted = spellings.map { "`\($0)`" }
    guard quoted.count > 1, let last = quoted.last else { return quoted.joined() }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
  }
}
