import Bytes
import Evaluation
import Yams

/// Getters of a task file's values.
extension RecipeSection {
  /// A nested section, with its own fields.
  func nested(_ name: String) -> RecipeSection {
    RecipeSection(node(name), section: name, problems: problems, paths: paths)
  }

  /// A template. Functions in other files (`!function`) are refused, and what isn't a template is
  /// recorded with what is supported.
  func template(_ name: String) -> TaskTemplate? {
    guard let text = plainText(name) else { return nil }
    do throws(TemplateProblem) {
      return try TaskTemplate(text)
    } catch {
      note(name, "\(error.text); Recipes/tasks/README.md lists what templates may hold")
      return nil
    }
  }

  /// A scalar's text, which may be empty; nil for anything else, which is recorded.
  func plainText(_ name: String) -> String? {
    guard let node = node(name) else { return nil }
    return text(of: node, name)
  }

  /// The texts of a list; nil for anything that isn't a list, which isn't recorded.
  func sequence(_ name: String) -> [String]? {
    guard case .sequence(let sequence)? = node(name) else { return nil }
    return sequence.compactMap { text(of: $0, name) }
  }

  /// The texts of a list, or one text; nil if the field is absent.
  func texts(_ name: String) -> [String]? {
    guard has(name) else {
      expect(name)
      return nil
    }
    return sequence(name) ?? plainText(name).map { [$0] }
  }

  private func text(of node: Node, _ name: String) -> String? {
    guard case .scalar(let scalar) = node else {
      note(name, "expected text, found \(Self.kind(node))")
      return nil
    }
    // A tag that YAML doesn't define, such as `!function`, asks for code.
    let tag = "\(node.tag)"
    guard !tag.hasPrefix("!") || tag == "!" else {
      note(name, "`\(tag)` isn't supported: tasks have no code; write a template")
      return nil
    }
    return scalar.string
  }
}
