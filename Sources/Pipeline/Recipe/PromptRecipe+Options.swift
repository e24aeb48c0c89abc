import Bytes
import Yams

extension PromptRecipe {
  /// Reads a prompt recipe from command-line options: fields of the section `prompt`, with a dot
  /// before the name of a nested field ("validation.every"). Values are plain scalars or YAML lists
  /// (`[q, v]`). Paths are relative to the current folder.
  ///
  /// - Throws: `usage` listing all problems; `inputMissing` if the only problems are missing files.
  package init(options: [(field: String, value: String)]) throws(Failure) {
    let problems = RecipeProblems(file: "the options")
    var root = OptionFields()
    for (field, value) in options {
      let node: Node
      if value.hasPrefix("[") || value.hasPrefix("{") {
        do throws(Failure) {
          node = try YAMLDocument.parse(value, file: field)
        } catch {
          throw Failure(.usage, at: field, "`\(value)` is not a YAML list: \(error.finding)")
        }
      } else {
        node = .scalar(Node.Scalar(value, .implicit, .plain))
      }
      if !root.set(field.split(separator: ".").map(String.init)[...], to: node) {
        throw Failure(.usage, at: field, "is given twice")
      }
    }
    self.init()
    read(
      RecipeSection(
        root.node, section: "prompt", problems: problems, paths: RecipePaths(recipe: "")))
    do throws(Failure) {
      try problems.check()
    } catch {
      throw Failure(
        error.kind == .inputMissing ? .inputMissing : .usage, error.finding, list: error.list)
    }
  }
}

/// Fields and sections by name, in the order given.
private struct OptionFields {
  private enum Entry {
    case value(Node)
    case section(OptionFields)
  }
  private var entries: [(name: String, entry: Entry)] = []

  /// Sets the field at `path`. Returns false if the path is already taken.
  mutating func set(_ path: ArraySlice<String>, to value: Node) -> Bool {
    guard let name = path.first else { return false }
    let index = entries.firstIndex { $0.name == name }
    if path.count == 1 {
      guard index == nil else { return false }
      entries.append((name, .value(value)))
      return true
    }
    guard let index else {
      var section = OptionFields()
      guard section.set(path.dropFirst(), to: value) else { return false }
      entries.append((name, .section(section)))
      return true
    }
    guard case .section(var section) = entries[index].entry else { return false }
    guard section.set(path.dropFirst(), to: value) else { return false }
    entries[index].entry = .section(section)
    return true
  }

  /// The fields as a YAML mapping.
  var node: Node {
    .mapping(
      Node.Mapping(
        entries.map { name, entry in
          switch entry {
          case .value(let node): (Node(name), node)
          case .section(let section): (Node(name), section.node)
          }
        }))
  }
}
