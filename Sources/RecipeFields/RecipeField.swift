import Bytes

/// One field of a recipe's section: its name, type, range, default and meaning, with the property of
/// `Section` that it is read into.
///
/// A section is the table of its fields, and the table is the only place that knows them: it reads a
/// section, checks ranges, writes the canonical form, and feeds `prompt learn --set`, the help pages and
/// Recipes/README.md. The order of the table is the order of the canonical form's members.
package struct RecipeField<Section>: Sendable {
  /// The name as recipes spell it.
  package let name: String
  /// The sections in which the field means something; nil for all.
  package let condition: FieldCondition<Section>?
  /// Whether this is a part of the section with fields of its own beside the others, not a name that
  /// recipes have.
  let isInline: Bool
  /// Rows of the reference, with the default that `Section` gives a recipe without this field.
  package let descriptions: @Sendable (Section) -> [FieldDescription]
  /// Reads the value that the source gives. False where it gives none, or a wrong one, which is noted.
  let read: @Sendable (any FieldSource, inout Section) -> Bool
  /// Sets what follows from other fields, once all were read.
  let settle: @Sendable (any FieldSource, inout Section, _ isRead: Bool) -> Void
  /// A value outside of the range; nil where it lies inside.
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

/// A value outside of its field's range.
package struct FieldFault: Sendable, Equatable {
  package let found: String
  package let allowed: String

  package init(found: String, allowed: String) {
    self.found = found
    self.allowed = allowed
  }
}

/// The value of a field that a recipe leaves out.
package struct FieldDefault<Section, Value>: Sendable {
  /// Words for the reference; nil where the value speaks for itself.
  let words: String?
  /// The value by other fields; nil for the property's initial value.
  let value: (@Sendable (Section) -> Value)?

  /// The property's initial value: `var patience = 0` is the default of `patience`.
  package static var initial: Self { Self(words: nil, value: nil) }

  /// The property's initial value, which the section around this one sets.
  package static func inherited(_ words: String) -> Self { Self(words: words, value: nil) }

  /// A value that follows from other fields.
  package static func derived(
    _ words: String, _ value: @escaping @Sendable (Section) -> Value
  ) -> Self {
    Self(words: words, value: value)
  }
}

/// The sections in which a field means something, such as those of prompts of one kind.
package struct FieldCondition<Section>: Sendable {
  /// Words for the reference: "`lora`".
  package let words: String
  package let holds: @Sendable (Section) -> Bool
  /// The finding where the field is given all the same.
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

/// Whether the canonical form has a member for a field.
package enum FieldRecord<Section>: Sendable {
  case always
  /// Never: the field decides nothing that is computed.
  case never
  case when(@Sendable (Section) -> Bool)

  package func applies(to section: Section) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .when(let holds): holds(section)
    }
  }
}

/// Fields that contradict each other, though each alone is allowed.
package struct FieldContradiction: Sendable, Equatable {
  package let finding: String
  package let advice: String?

  package init(_ finding: String, advice: String? = nil) {
    self.finding = finding
    self.advice = advice
  }
}

/// A rule between several fields of a section.
package struct FieldRule<Section>: Sendable {
  /// The fields at which a contradiction is told: the first that a recipe gives, otherwise the last.
  package let fields: [String]
  package let contradiction: @Sendable (Section) -> FieldContradiction?

  package init(
    _ fields: String..., contradiction: @escaping @Sendable (Section) -> FieldContradiction?
  ) {
    self.fields = fields
    self.contradiction = contradiction
  }
}
