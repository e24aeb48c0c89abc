import Bytes

/// The keys of one kind of settings file, by what becomes of them: a key that decides the computed
/// function is implemented or refused by name, and a key that isn't listed is reported in a note.
package struct SettingsKeys: Sendable {
  /// Keys that decide the function; they are read where they belong.
  package var implemented: [String]
  /// Keys that are accepted with a neutral value alone.
  package var refused: [Rule]
  /// Keys without an effect on the function.
  package var irrelevant: [String]

  /// A key that is accepted with a neutral value alone. Null is neutral for all of them.
  package struct Rule: Sendable {
    package let key: String
    package let neutral: Neutral
    /// A clause that says why other values are refused.
    package let reason: String
    package let advice: String?

    package init(_ key: String, _ neutral: Neutral, _ reason: String, advice: String? = nil) {
      (self.key, self.neutral, self.reason, self.advice) = (key, neutral, reason, advice)
    }
  }

  /// The values of a key that leave the function as it is.
  package enum Neutral: Sendable {
    /// A boolean; false is neutral.
    case off
    /// A number; this one is neutral.
    case number(Double)
    /// False, 0, and empty strings, arrays and objects.
    case nothing
    /// One of these values.
    case oneOf([JSON])

    func contains(_ value: JSON) -> Bool {
      switch self {
      case .off: value.bool == false
      case .number(let neutral): value.double == neutral
      case .nothing:
        switch value {
        case .null: true
        case .bool(let bool): !bool
        case .integer(let integer): integer == 0
        case .number(let number): number == 0
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        }
      case .oneOf(let values): values.contains(value)
      }
    }

    /// The kind of value that is expected, if `value` is of another one.
    func expected(insteadOf value: JSON) -> String? {
      switch self {
      case .off: value.bool == nil ? "a boolean" : nil
      case .number: value.double == nil ? "a number" : nil
      case .nothing, .oneOf: nil
      }
    }
  }

  package init(implemented: [String] = [], refused: [Rule] = [], irrelevant: [String] = []) {
    (self.implemented, self.refused, self.irrelevant) = (implemented, refused, irrelevant)
  }

  /// All keys, in no order.
  package var all: [String] { implemented + refused.map(\.key) + irrelevant }

  /// The keys of both tables.
  package static func + (a: SettingsKeys, b: SettingsKeys) -> SettingsKeys {
    SettingsKeys(
      implemented: a.implemented + b.implemented, refused: a.refused + b.refused,
      irrelevant: a.irrelevant + b.irrelevant)
  }

  /// The first refused key that has another than a neutral value; nil if there is none.
  ///
  /// - Parameter value: Gives the value of a key; nil if it is absent.
  package func finding(
    _ value: (String) -> JSON?
  ) -> (key: String, finding: String, advice: String?)? {
    for rule in refused {
      guard let value = value(rule.key), !value.isNull, !rule.neutral.contains(value) else {
        continue
      }
      if let expected = rule.neutral.expected(insteadOf: value) {
        return (rule.key, "expected \(expected), found \(value.kindName)", nil)
      }
      return (rule.key, "is \(value.excerpt); \(rule.reason)", rule.advice)
    }
    return nil
  }

  /// Those of `keys` that no list has, in their order.
  package func unknown(among keys: [String]) -> [String] {
    let known = Set(all)
    return keys.filter { !known.contains($0) }
  }

  /// A note about the keys that no list has; nil if there are none. At most 12 are named.
  ///
  /// - Parameters:
  ///   - owner: Whose keys these aren't, such as "LLaMA".
  ///   - peer: The program that ignores them, too.
  package func note(about keys: [String], of owner: String, in file: String, peer: String)
    -> String?
  {
    let unknown = unknown(among: keys)
    guard !unknown.isEmpty else { return nil }
    let more = unknown.count > 12 ? " and \(unknown.count - 12) more" : ""
    return "\(file): ignored, as in \(peer), since \(owner) has no such setting: "
      + unknown.prefix(12).map(\.quoted).joined(separator: ", ") + more
  }
}

extension SettingsReader {
  /// Refuses the first key that has another than a neutral value.
  /// - Throws: `invalidData` naming the key and the value.
  func check(_ keys: SettingsKeys) throws(Failure) {
    guard let (key, finding, advice) = keys.finding({ value($0) }) else { return }
    throw failure(key, finding, advice: advice)
  }
}

extension JSON {
  /// The value as text for messages, cut at 80 characters.
  package var excerpt: String {
    if case .string(let text) = self { return text.quoted }
    if case .number(let number) = self { return "\(number)" }
    let text = canonicalText
    return text.count > 80 ? text.prefix(80) + "…" : text
  }
}
