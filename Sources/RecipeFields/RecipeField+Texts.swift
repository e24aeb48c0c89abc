import Bytes

/// Fields of texts, paths and nested sections.
extension RecipeField {
  /// Makes a field of a text.
  ///
  /// - Parameter range: the allowed texts in words, for the reference.
  package static func text(
    _ name: String, _ path: WritableKeyPath<Section, String> & Sendable, range: String? = nil,
    default fallback: FieldDefault<Section, String> = .initial,
    record: FieldRecord<Section> = .always, _ meaning: String
  ) -> Self {
    value(
      name, path, type: "text", range: range, default: fallback, if: nil, record: record, meaning,
      read: { $0.text(name) }, json: { .string($0) }, text: { $0.isEmpty ? nil : "`\($0)`" })
  }

  /// Makes a field of an optional text.
  ///
  /// - Parameters:
  ///   - absent: the default in words, for the reference.
  ///   - missing: the reason why the field can't be omitted if `condition` holds; nil if it can.
  package static func text(
    _ name: String, _ path: WritableKeyPath<Section, String?> & Sendable, absent: String = "none",
    if condition: FieldCondition<Section>? = nil, missing: String? = nil,
    record: FieldRecord<Section> = .always, _ meaning: String
  ) -> Self {
    value(
      name, path, type: "text", range: nil,
      default: .inherited(missing == nil ? absent : FieldDescription.required), if: condition,
      record: record, meaning,
      read: { source in
        if let missing, !source.has(name) { source.note(name, "is missing: \(missing)") }
        return source.text(name).map { .some($0) }
      }, json: { $0.map { .string($0) } }, text: { _ in nil })
  }

  /// Makes a field of the path of a file or folder that must exist. The canonical form has no
  /// member for it, because results depend on the file's content and not on its path.
  package static func file(
    _ name: String, _ path: WritableKeyPath<Section, String> & Sendable,
    default fallback: FieldDefault<Section, String> = .initial,
    if condition: FieldCondition<Section>? = nil, _ meaning: String
  ) -> Self {
    value(
      name, path, type: "path", range: nil, default: fallback, if: condition, record: .never,
      meaning, read: { $0.file(name) }, json: { _ in nil }, text: { _ in nil }
    ).settled { source, section, _ in
      guard section[keyPath: path].isEmpty, !source.has(name) else { return }
      source.note(name, "is missing: it needs the path of a file")
    }
  }

  /// Makes a field of a nested section with its own type.
  ///
  /// - Parameters:
  ///   - fallback: the default in words, for the reference.
  ///   - prepare: sets inherited values before the section is read.
  package static func section<Inner: Sendable>(
    _ name: String, _ path: WritableKeyPath<Section, Inner> & Sendable,
    of inner: [RecipeField<Inner>], default fallback: String,
    prepare: @escaping @Sendable (Section, inout Inner) -> Void = { _, _ in }, _ meaning: String
  ) -> Self {
    RecipeField(
      name,
      descriptions: { section in
        [
          FieldDescription(
            name, type: "section", default: fallback, meaning,
            fields: inner.descriptions(of: section[keyPath: path]))
        ]
      },
      read: { source, section in
        var value = section[keyPath: path]
        prepare(section, &value)
        let own = source.section(name)
        own.read(inner, into: &value)
        own.finish()
        section[keyPath: path] = value
        return true
      },
      write: { section, object in
        object[name] = .object(inner.json(of: section[keyPath: path]))
      })
  }

  /// Makes a field of a nested section that is read into the outer section's value, after all other
  /// fields.
  ///
  /// - Parameters:
  ///   - inner: the table of the nested section.
  ///   - missing: the reason why the section can't be omitted if `condition` holds; nil if it can.
  package static func section(
    _ name: String, _ inner: [RecipeField], if condition: FieldCondition<Section>? = nil,
    missing: String? = nil, record: FieldRecord<Section> = .always, _ meaning: String
  ) -> Self {
    RecipeField(
      name, if: condition,
      descriptions: { section in
        [
          FieldDescription(
            name, type: "section", default: missing == nil ? "none" : FieldDescription.required,
            if: condition?.words, meaning, fields: inner.descriptions(of: section))
        ]
      },
      read: { source, section in
        if let missing, !source.has(name) { source.note(name, "is missing: \(missing)") }
        return source.has(name)
      },
      settle: { source, section, _ in
        guard source.has(name) else { return AbsentFields().read(inner, into: &section) }
        let own = source.section(name)
        own.read(inner, into: &section)
        own.finish()
      },
      fault: { inner.fault(in: $0)?.fault },
      write: { section, object in
        guard condition?.holds(section) ?? true, record.applies(to: section) else { return }
        object[name] = .object(inner.json(of: section))
      })
  }

  /// Returns this field with an additional `step` that runs after all fields were read.
  package func settled(
    _ step: @escaping @Sendable (any FieldSource, inout Section, _ isRead: Bool) -> Void
  ) -> Self {
    let settle = settle
    return RecipeField(
      name, if: condition, isInline: isInline, descriptions: descriptions, read: read,
      settle: { source, section, isRead in
        settle(source, &section, isRead)
        step(source, &section, isRead)
      }, fault: fault, write: write)
  }

  /// Returns this field with `json` as its member in the canonical form, regardless of its
  /// condition; nil for no member.
  package func recorded(_ json: @escaping @Sendable (Section) -> JSON?) -> Self {
    let name = name
    return RecipeField(
      name, if: condition, isInline: isInline, descriptions: descriptions, read: read,
      settle: settle, fault: fault,
      write: { section, object in object[name] = json(section) })
  }

  /// Returns this field for an outer section that contains this one at `path`.
  package func lifted<Outer>(
    _ path: WritableKeyPath<Outer, Section> & Sendable
  ) -> RecipeField<Outer> {
    let field = self
    return RecipeField<Outer>(
      name, if: condition?.lifted(path), isInline: isInline,
      descriptions: { field.descriptions($0[keyPath: path]) },
      read: { source, outer in field.read(source, &outer[keyPath: path]) },
      settle: { source, outer, isRead in field.settle(source, &outer[keyPath: path], isRead) },
      fault: { field.fault($0[keyPath: path]) },
      write: { outer, object in field.write(outer[keyPath: path], &object) })
  }
}

extension FieldCondition {
  /// Returns this condition for an outer section that contains this one at `path`.
  package func lifted<Outer>(_ path: WritableKeyPath<Outer, Section> & Sendable) -> FieldCondition<
    Outer
  > {
    let condition = self
    return FieldCondition<Outer>(
      words, holds: { condition.holds($0[keyPath: path]) },
      finding: { condition.finding($0[keyPath: path]) })
  }
}
