import Bytes

/// Fields that hold texts and the places of files, and fields of fields.
extension RecipeField {
  /// A text.
  ///
  /// - Parameter range: words for what texts are allowed.
  package static func text(
    _ name: String, _ path: WritableKeyPath<Section, String> & Sendable, range: String? = nil,
    default fallback: FieldDefault<Section, String> = .initial,
    record: FieldRecord<Section> = .always, _ meaning: String
  ) -> Self {
    value(
      name, path, type: "text", range: range, default: fallback, if: nil, record: record, meaning,
      read: { $0.text(name) }, json: { .string($0) }, text: { $0.isEmpty ? nil : "`\($0)`" })
  }

  /// A text, or nothing.
  ///
  /// - Parameters:
  ///   - absent: words for the reference.
  ///   - missing: why it can't be left out where `condition` holds; nil where it can.
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

  /// The path of a file or folder that must be there. It is in no canonical form: what counts is what
  /// the file holds.
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

  /// A section inside this one, of a type of its own.
  ///
  /// - Parameters:
  ///   - fallback: words for a section that is left out.
  ///   - prepare: sets what it inherits, before it is read.
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

  /// A section inside this one, read into the same value once all other fields were read.
  ///
  /// - Parameters:
  ///   - inner: the section's own table.
  ///   - missing: why it can't be left out where `condition` holds; nil where it can.
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

  /// A field with `step` as what follows once all fields were read.
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

  /// A field with a member of its own in the canonical form, whatever its condition; nil for none.
  package func recorded(_ json: @escaping @Sendable (Section) -> JSON?) -> Self {
    let name = name
    return RecipeField(
      name, if: condition, isInline: isInline, descriptions: descriptions, read: read,
      settle: settle, fault: fault,
      write: { section, object in object[name] = json(section) })
  }

  /// The same field of a section that holds this one at `path`.
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
  /// The same condition of a section that holds this one at `path`.
  package func lifted<Outer>(_ path: WritableKeyPath<Outer, Section> & Sendable) -> FieldCondition<
    Outer
  > {
    let condition = self
    return FieldCondition<Outer>(
      words, holds: { condition.holds($0[keyPath: path]) },
      finding: { condition.finding($0[keyPath: path]) })
  }
}
