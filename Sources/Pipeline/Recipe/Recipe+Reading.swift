import Bytes
import RecipeFields
import Yams

extension Recipe {
  /// Reads and checks a recipe file, before anything runs.
  ///
  /// - Parameters:
  ///   - variant: one of the recipe's `variants`, whose name is appended to the artifact's.
  ///   - planning: whether files may be missing if the recipe gives the model's shape.
  /// - Throws: one `Failure` that lists every problem with its line: `inputMissing` if all of them
  ///   are missing files, `invalidData` otherwise.
  package init(path: String, variant: String? = nil, planning: Bool = false) throws(Failure) {
    try self.init(
      YAMLDocument.load(path: path), path: path, variant, planning, RecipePaths(recipe: path))
  }

  /// Returns the names of the variants of the recipe at `path`.
  package static func variants(path: String) throws(Failure) -> [String] {
    RecipeVariants.names(try YAMLDocument.load(path: path))
  }

  /// Reads and checks a recipe's text; its file paths are relative to the folder of `path`.
  package init(
    yaml: String, path: String, variant: String? = nil, planning: Bool = false,
    environment: [String: String] = [:]
  ) throws(Failure) {
    try self.init(
      YAMLDocument.parse(yaml, file: path), path: path, variant, planning,
      RecipePaths(recipe: path, environment: environment))
  }

  init(
    _ document: Node, path: String, _ variant: String?, _ planning: Bool, _ paths: RecipePaths
  ) throws(Failure) {
    let root = try RecipeVariants.choose(variant, from: document, file: path)
    let problems = RecipeProblems(file: path, isPlanning: planning)
    let top = RecipeSection(root, section: RecipeSection.top, problems: problems, paths: paths)
    self.init(emptyFile: path)
    top.read(Self.fields, into: &self)
    name += variant.map { "-" + $0 } ?? ""
    if !PlainName.allows(name) { top.note("name", "use \(PlainName.letters) only") }
    top.finish()
    lines = problems.lines
    missing = problems.missing
    try problems.check()
  }
}
