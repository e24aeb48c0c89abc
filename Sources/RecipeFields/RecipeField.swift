import Bytes

/// A field of a recipe's section: its name, type, range, default and meaning, and the property of
/// `Section` into which it is read.
///
/// A table of fields is the only definition of a section: it reads the section, checks ranges,
/// writes the canonical form, and generates `prompt learn --set`, the help pages and
/// Recipes/README.md. The order of the table is the order of the canonical form's members.
package struct RecipeField<Section>: Sendable {
  /// The name as spelt in recipes.
  package let name: String
  /// The sections in which the field applies; nil for all.
  package let condition: FieldCondition<Section>?
  /// Whether this entry reads several names of the section itself, so that `name` is no name in
  /// recipes.
  let isInline: Bool
  /// Returns the rows of the reference, with the defaults of the given section.
  package let descriptions: @Sendable (Section) -> [FieldDescription]
  /// Reads the value from the source. Returns false if it is absent or invalid; invalid values are
  /// recorded as problems.
  let read: @Sendable (any FieldSource, inout Section) -> Bool
  /// Sets values that depend on other fields, after all fields were read.
  let settle: @Sendable (any FieldSource, inout Section, _ isRead: Bool) -> Void
  /// Returns the field's value if it is outside the range; otherwise nil.
  package let fault: @Sendable (Section) -> FieldFault?
  /// Adds the field's member to the canonical form.
  let write: @Sendable (Section, inout JSONObject) -> Void

  package init(
    _ name: String, if condition: FieldCondition<Section>? = nil, isInline: Bool = false,
    descriptions: @escaping @Sendable (Section) -> [FieldDescription],
    read: @escaping @Sendable (any FieldSource, inout Section) -> Bool,
    settle: @escaping @Sendable (any FieldSource, inout Section, _ isRead: Bool) -> Void = {
      _, _, _ in
    },
    fault: @escaping @Sendable (Section) -> FieldFault? = { _ in nil },
    write: @escaping @Sendable (Section, inout JSONObject) -> Void = { _, _ in }
  ) {
    self.name = name
    self.condition = condition
    self.isInline = isInline
    self.descriptions = descriptions
    self.read = read
    self.settle = settle
    self.fault = fault
    self.write = write
  }
}

/// A value outside its field's range.
package struct FieldFault: Sendable, Equatable {
  /// The value.
  package let found: String
  /// The allowed range.
  package let allowed: String

  package init(found: String, allowed: String) {
    self.found = found
    self.allowed = allowed
  }
}

/// The default value of a field.
package struct FieldDefault<Section, Value>: Sendable {
  /// The default in words, for the reference; nil to show the value.
  let words: String?
  /// Computes the value from other fields; nil to keep the property's initial value.
  let value: (@Sendable (Section) -> Value)?

  /// The property's initial value: `var patience = 0` is the default of `patience`.
  package static var initial: Self { Self(words: nil, value: nil) }

  /// The property's initial value, as set by the enclosing section.
  package static func inherited(_ words: String) -> Self { Self(words: words, value: nil) }

  /// A value computed from other fields.
  package static func derived(
    _ words: String, _ value: @escaping @Sendable (Section) -> Value
  ) -> Self {
    Self(words: words, value: value)
  }
}

/// A condition on the section under which a field applies, such as one kind of prompt.
package struct FieldCondition<Section>: Sendable {
  /// The condition in words, for the reference: "kind `lora`".
  package let words: String
  /// Returns whether the field applies to a section.
  package let holds: @Sendable (Section) -> Bool
  /// Returns the error message for a field given although the condition doesn't hold.
  package let finding: @Sendable (Section) -> String

  package init(
    _ words: String, holds: @escaping @Sendable (Section) -> Bool,
    finding: @escaping @Sendable (Section) -> String
  ) {
    self.words = words
    self.holds = holds
    self.finding = finding
  }
}

/// A policy for a field's member in the canonical form.
package enum FieldRecord<Section>: Sendable {
  /// The member is always written.
  case always
  /// The member is never written, because results don't depend on the field.
  case never
  /// The member is written if the condition holds.
  case when(@Sendable (Section) -> Bool)

  /// Returns whether the member is written for `section`.
  package func applies(to section: Section) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .when(let holds): holds(section)
    }
  }
}

/// A contradiction between fields that are valid separately.
package struct FieldContradiction: Sendable, Equatable {
  package let finding: String
  package let advice: String?

  package init(_ finding: String, advice: String? = nil) {
    self.finding = finding
    self.advice = advice
  }
}

/// A consistency rule between several fields of a section.
package struct FieldRule<Section>: Sendable {
  /// The fields involved. A contradiction is reported at the first one that is given, otherwise at
  /// the last.
  package let fields: [String]
  /// Returns the contradiction; nil if the section is consistent.
  package let contradiction: @Sendable (Section) -> FieldContradiction?

  package init(
    _ fields: String..., contradiction: @escaping @Sendable (Section) -> FieldContradiction?
  ) {
    self.fields = fields
    self.contradiction = contradiction
  }
}
