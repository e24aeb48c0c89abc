import Bytes

/// Fields of scalar types.
extension RecipeField {
  /// Makes a field of any type.
  ///
  /// - Parameters:
  ///   - type: the type's name in the reference.
  ///   - read: returns the value given by a source; nil if there is none.
  ///   - fault: returns a fault if a value is outside the range.
  ///   - json: returns the member of the canonical form; nil for none.
  ///   - text: returns a default as shown in the reference; nil for a required field.
  package static func value<Value>(
    _ name: String, _ path: WritableKeyPath<Section, Value> & Sendable, type: String,
    range: String?, default fallback: FieldDefault<Section, Value>,
    if condition: FieldCondition<Section>?, record: FieldRecord<Section>, _ meaning: String,
    read: @escaping @Sendable (any FieldSource) -> Value?,
    fault: @escaping @Sendable (Value) -> FieldFault? = { _ in nil },
    json: @escaping @Sendable (Value) -> JSON?,
    text: @escaping @Sendable (Value) -> String?
  ) -> Self {
    RecipeField(
      name, if: condition,
      descriptions: { section in
        let usual = fallback.words ?? text(section[keyPath: path]) ?? FieldDescription.required
        return [
          FieldDescription(
            name, type: type, range: range, default: usual, if: condition?.words, meaning)
        ]
      },
      read: { source, section in
        guard let found = read(source) else { return false }
        section[keyPath: path] = found
        return true
      },
      settle: { _, section, isRead in
        if !isRead, let value = fallback.value { section[keyPath: path] = value(section) }
      },
      fault: { fault($0[keyPath: path]) },
      write: { section, object in
        guard condition?.holds(section) ?? true, record.applies(to: section) else { return }
        object[name] = json(section[keyPath: path])
      })
  }

  /// Makes a field of a whole number.
  package static func integer<Value: BinaryInteger & Sendable>(
    _ name: String, _ path: WritableKeyPath<Section, Value> & Sendable, _ range: ClosedRange<Int>,
    default fallback: FieldDefault<Section, Value> = .initial,
    if condition: FieldCondition<Section>? = nil, record: FieldRecord<Section> = .always,
    _ meaning: String
  ) -> Self {
    value(
      name, path, type: "whole number", range: FieldText.words(range), default: fallback,
      if: condition, record: record, meaning,
      read: { $0.integer(name, in: range).map { Value(clamping: $0) } },
      fault: { Self.fault(Int(clamping: $0), in: range) },
      json: { .integer(Int64(clamping: $0)) }, text: { FieldText.number(Int(clamping: $0)) })
  }

  /// Makes a field of an optional whole number.
  ///
  /// - Parameters:
  ///   - absent: the default in words, for the reference.
  ///   - null: whether the canonical form of an absent value is null instead of no member.
  package static func integer(
    _ name: String, _ path: WritableKeyPath<Section, Int?> & Sendable, _ range: ClosedRange<Int>,
    absent: String, null: Bool, _ meaning: String
  ) -> Self {
    value(
      name, path, type: "whole number", range: FieldText.words(range),
      default: .inherited(absent), if: nil, record: .always, meaning,
      read: { $0.integer(name, in: range).map { .some($0) } },
      fault: { $0.flatMap { Self.fault($0, in: range) } },
      json: { $0.map { JSON($0) } ?? (null ? .null : nil) }, text: { _ in absent })
  }

  /// Makes a field of a finite number.
  package static func number(
    _ name: String, _ path: WritableKeyPath<Section, Double> & Sendable,
    _ range: ClosedRange<Double>, default fallback: FieldDefault<Section, Double> = .initial,
    if condition: FieldCondition<Section>? = nil, record: FieldRecord<Section> = .always,
    _ meaning: String
  ) -> Self {
    value(
      name, path, type: "number", range: FieldText.words(range), default: fallback, if: condition,
      record: record, meaning, read: { $0.number(name, in: range) },
      fault: { Self.fault($0, in: range) }, json: { .number($0) },
      text: { FieldText.number($0) })
  }

  /// Makes a field of an optional finite number; the canonical form has no member for an absent
  /// one.
  ///
  /// - Parameter absent: the default in words, for the reference.
  package static func number(
    _ name: String, _ path: WritableKeyPath<Section, Double?> & Sendable,
    _ range: ClosedRange<Double>, absent: String, _ meaning: String
  ) -> Self {
    value(
      name, path, type: "number", range: FieldText.words(range), default: .inherited(absent),
      if: nil, record: .always, meaning,
      read: { $0.number(name, in: range).map { .some($0) } },
      fault: { $0.flatMap { Self.fault($0, in: range) } }, json: { $0.map { .number($0) } },
      text: { _ in absent })
  }

  /// Makes a field that is true or false.
  package static func flag(
    _ name: String, _ path: WritableKeyPath<Section, Bool> & Sendable,
    default fallback: FieldDefault<Section, Bool> = .initial,
    if condition: FieldCondition<Section>? = nil, record: FieldRecord<Section> = .always,
    _ meaning: String
  ) -> Self {
    value(
      name, path, type: "true or false", range: nil, default: fallback, if: condition,
      record: record, meaning, read: { $0.flag(name) }, json: { .bool($0) }, text: { "`\($0)`" })
  }

  /// Makes a field of one of the raw values of `Choice`.
  ///
  /// - Parameters:
  ///   - shown: the values shown in the reference; nil for all.
  ///   - recorded: maps the value to the one in the canonical form.
  package static func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
    _ name: String, _ path: WritableKeyPath<Section, Choice> & Sendable,
    shown: [Choice]? = nil, default fallback: FieldDefault<Section, Choice> = .initial,
    if condition: FieldCondition<Section>? = nil, record: FieldRecord<Section> = .always,
    recorded: @escaping @Sendable (Choice) -> Choice = { $0 }, _ meaning: String
  ) -> Self where Choice.RawValue == String {
    let spellings = Choice.allCases.map(\.rawValue)
    return value(
      name, path, type: "name",
      range: FieldText.list(shown?.map(\.rawValue) ?? spellings), default: fallback,
      if: condition, record: record, meaning,
      read: { $0.choice(name, of: spellings).flatMap { Choice(rawValue: $0) } },
      json: { .string(recorded($0).rawValue) }, text: { "`\($0.rawValue)`" })
  }

  private static func fault(_ value: Int, in range: ClosedRange<Int>) -> FieldFault? {
    range.contains(value)
      ? nil : FieldFault(found: "\(value)", allowed: FieldText.range(range))
  }

  private static func fault(_ value: Double, in range: ClosedRange<Double>) -> FieldFault? {
    range.contains(value)
      ? nil : FieldFault(found: "\(value)", allowed: FieldText.range(range))
  }
}
