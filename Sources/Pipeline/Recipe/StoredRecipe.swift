import BundleFormat
import Bytes
import Yams

/// The recipe that a bundle stores, as it would stand in a file: the canonical form, with the places of
/// the inputs, and without the members that follow from others.
package struct StoredRecipe {
  private let document: JSONObject
  /// The bundle's path, for errors.
  private let file: String

  /// A recipe in canonical form, of the file `file`.
  package init(_ document: JSONObject, file: String) {
    (self.document, self.file) = (document, file)
  }

  /// - Throws: `invalidData` if the bundle holds no recipe in canonical form.
  init(of bundle: ModelBundle) throws(Failure) {
    guard let bytes = try bundle.recipe, let object = (try? JSON(parsing: bytes))?.object else {
      throw Self.needsFile(bundle.path, "holds no recipe in canonical form")
    }
    self.init(object, file: bundle.path)
  }

  /// The failure of a bundle whose own recipe isn't enough.
  static func needsFile(_ file: String, _ finding: String, list: [String] = []) -> Failure {
    Failure(
      .invalidData, file: file, finding, list: list, advice: "give the recipe's file",
      reason: .recipeNeeded)
  }

  /// Whether the prompt starts from one in another bundle.
  var startsFromABundle: Bool { document["prompt"]?["init_from"] != nil }

  /// Reads the recipe.
  ///
  /// - Parameter paths: the input files' paths by role, that of the bundle to start from under
  ///   "init_from".
  /// - Throws: `invalidData` listing the inputs without a path, or the fields that this version of the
  ///   program can't read.
  package func recipe(paths: [String: String]) throws(Failure) -> Recipe {
    var missing: [String] = []
    let recipe = Self.mapping(written(paths, &missing))
    guard missing.isEmpty else {
      throw Self.needsFile(file, "doesn't record all inputs of its recipe", list: missing)
    }
    do throws(Failure) {
      return try Recipe(recipe, path: file, nil, false, RecipePaths(literal: ()))
    } catch {
      let problems = error.list.isEmpty ? [error.finding] : error.list
      throw Self.needsFile(file, "its recipe can't be used as it is stored", list: problems)
    }
  }

  // MARK: Members

  /// - Parameter missing: gets the roles of inputs without a path.
  private func written(_ paths: [String: String], _ missing: inout [String]) -> JSONObject {
    func path(_ role: String) -> JSON? {
      if paths[role] == nil { missing.append(role) }
      return paths[role].map { .string($0) }
    }
    var recipe = JSONObject()
    for (key, value) in document {
      switch (key, value) {
      case ("files", _): break
      case ("model", let name):
        var model: JSONObject = ["name": name]
        model["path"] = path("model")
        recipe[key] = .object(model)
      case ("calibration", .object(var section)):
        section["text"] = path("calibration")
        recipe[key] = .object(section)
      case ("compression", .object(let section)):
        recipe[key] = .object(Self.compression(section))
      case ("prompt", .object(let section)): recipe[key] = .object(Self.prompt(section, path))
      case ("evaluation", .array(let sections)):
        recipe[key] = .array(
          sections.map { evaluation in
            guard var section = evaluation.object else { return evaluation }
            section["text"] = path("evaluation \(section["name"]?.string ?? "")")
            return .object(section)
          })
      case ("gate", .object(let section)): recipe[key] = .object(Self.gate(section))
      default: recipe[key] = value
      }
    }
    return recipe
  }

  /// The settings of all matrices are members of the section itself, as are those of a rule.
  private static func compression(_ stored: JSONObject) -> JSONObject {
    var section = JSONObject()
    for (key, value) in stored {
      switch (key, value) {
      case ("linear", .object(let settings)):
        for (key, value) in matrix(settings) { section[key] = value }
      case ("rules", .array(let rules)):
        section[key] = .array(
          rules.map { rule in
            guard let settings = rule["settings"]?.object, let match = rule["match"] else {
              return rule
            }
            var written: JSONObject = ["match": match]
            for (key, value) in matrix(settings) { written[key] = value }
            return .object(written)
          })
      default: section[key] = value
      }
    }
    return section
  }

  /// The settings of a matrix. Those that are absent because they are off are off in writing too, where
  /// their absence would mean a default.
  private static func matrix(_ stored: JSONObject) -> JSONObject {
    var settings = JSONObject()
    for (key, value) in stored { settings[key == "group" ? "group_size" : key] = value }
    if stored["drift"] == nil { settings["drift"] = "none" }
    if stored["first_order"] == nil { settings["first_order"] = 0 }
    return settings
  }

  /// Members that follow from the kind, the objective or the start are refused in writing.
  private static func prompt(_ stored: JSONObject, _ path: (String) -> JSON?) -> JSONObject {
    var section = stored
    let kind = stored["kind"]?.string
    if kind != "soft" && kind != "hard" { section["key_values"] = nil }
    if stored["objective"]?.string != "mix" { section["kl_share"] = nil }
    if kind != "hard" {
      section["text"] = path("training")
      var validation = stored["validation"]?.object ?? [:]
      validation["text"] = path("validation")
      section["validation"] = .object(validation)
    }
    guard let start = stored["init_from"]?.string else {
      if stored["init_text"] != nil { section["init"] = nil }
      return section
    }
    section["init"] = nil
    var place = JSONObject()
    place["bundle"] = path("init_from")
    if start != PromptRecipe.onlyPrompt { place["prompt"] = .string(start) }
    section["init_from"] = .object(place)
    return section
  }

  /// Limits for all evaluations are members of the section, beside the sections of single ones.
  private static func gate(_ stored: JSONObject) -> JSONObject {
    guard var section = stored["all"]?.object, let named = stored["named"]?.object else {
      return stored
    }
    for (name, limits) in named { section[name] = limits }
    for (key, value) in stored where key != "all" && key != "named" { section[key] = value }
    return section
  }

  // MARK: YAML

  private static func mapping(_ object: JSONObject) -> Node {
    .mapping(
      Node.Mapping(object.members.compactMap { key, value in node(value).map { (Node(key), $0) } }))
  }

  /// Returns a value as a node; nil for null, which stands for an absent field.
  private static func node(_ json: JSON) -> Node? {
    func plain(_ text: String) -> Node { .scalar(Node.Scalar(text, .implicit, .plain)) }
    return switch json {
    case .null: nil
    case .bool(let value): plain("\(value)")
    case .integer(let value): plain("\(value)")
    case .number(let value): plain("\(value)")
    case .string(let text): .scalar(Node.Scalar(text, .implicit, .doubleQuoted))
    case .array(let items): .sequence(Node.Sequence(items.compactMap(node)))
    case .object(let object): mapping(object)
    }
  }
}
