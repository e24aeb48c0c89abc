import Bytes

/// The rules for names of prompts.
package enum PromptName {
  /// Names with another meaning when a prompt is chosen: an automatic choice, and no prompt.
  package static let reserved = ["auto", "none"]

  /// A description of the allowed names, for messages.
  package static let allowed =
    "\(PlainName.letters), but not "
    + reserved.reversed().map { "`\($0)`" }.joined(separator: " or ")

  /// The problem with a name for a new prompt; nil if the name is allowed.
  package static func fault(_ name: String) -> String? {
    PlainName.allows(name) && !reserved.contains(name)
      ? nil : "`\(name)` can't name a prompt: use \(allowed)"
  }
}
