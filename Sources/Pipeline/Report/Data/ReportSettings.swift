import Bytes

/// The settings of several recipes side by side: their canonical fields by path.
package struct ReportSettings: Sendable {
  /// A field: its path, and its value in each recipe; nil where a recipe doesn't have it.
  package struct Row: Sendable {
    package let path: String
    package let values: [String?]
    /// Whether not all recipes agree.
    package var differs: Bool { Set(values).count > 1 }
  }

  package let rows: [Row]

  /// The union of the fields of `recipes`, in the order in which they first occur.
  package init(_ recipes: [JSON]) {
    let flat = recipes.map { recipe in
      var leaves: [(String, String)] = []
      Self.flatten(recipe, "", into: &leaves)
      return leaves
    }
    var order: [String] = []
    var known: Set<String> = []
    for (path, _) in flat.joined() where known.insert(path).inserted { order.append(path) }
    let tables = flat.map { Dictionary($0, uniquingKeysWith: { first, _ in first }) }
    rows = order.map { path in Row(path: path, values: tables.map { $0[path] }) }
  }

  /// The leaves of a document: paths like "compression.rules[q_proj].bits". Objects in arrays are told
  /// apart by their names where they have one, so that a rule that was added moves no others.
  private static func flatten(_ json: JSON, _ path: String, into leaves: inout [(String, String)]) {
    switch json {
    case .object(let object):
      for (key, value) in object {
        flatten(value, path.isEmpty ? key : "\(path).\(key)", into: &leaves)
      }
    case .array(let array) where array.contains { $0.object != nil }:
      var seen: Set<String> = []
      for (index, element) in array.enumerated() {
        let name = element["name"]?.string ?? element["tensor"]?.string
        let label = name.flatMap { seen.insert($0).inserted ? $0 : nil } ?? "\(index)"
        flatten(element, "\(path)[\(label)]", into: &leaves)
      }
    case .array(let array):
      leaves.append((path, array.isEmpty ? "none" : array.map(shown).joined(separator: ", ")))
    default: leaves.append((path, shown(json)))
    }
  }

  private static func shown(_ json: JSON) -> String {
    switch json {
    case .string(let text):
      // Digests of files: whole ones would widen every column.
      SHA256Digest(hex: text) == nil ? text : text.prefix(12) + "…"
    case .null: "none"
    case .bool(let value): value ? "yes" : "no"
    default: json.canonicalText
    }
  }
}
