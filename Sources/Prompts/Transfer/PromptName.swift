import RecipeFields

/// Names that prompts may have: plain ones, by which they can be chosen.
package enum PromptName {
  /// Names that mean something else where a prompt is chosen: a choice of prompts, and no prompt.
  package static let reserved = ["auto", "none"]

  /// Words for what names are allowed.
  package static let allowed =
    "\(PlainName.letters), but not "
    + reserved.reversed().map { "`\($0)`" }.joined(separator: " or ")

  /// The finding for a name that a new prompt can't have; nil for one that it can.
  package static func fault(_ name: String) -> String? {
    PlainName.allows(name) && !reserved.contains(name)
      ? nil : "`\(name)` can't name a prompt: use \(allowed)"
  }
}
