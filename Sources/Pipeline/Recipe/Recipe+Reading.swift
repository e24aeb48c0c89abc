import Bytes
import RecipeFields
import Yams

extension Recipe {
  /// Reads and checks a recipe file. Nothing has run yet when this throws.
  ///
  /// - Parameters:
  ///   - variant: one of the recipe's `variants`; the artifact is named after both.
  ///   - planning: whether files may be missing where the model's shape is known.
  /// - Throws: one `Failure` that lists every problem with its line: `inputMissing` where only
  ///   files are missing, `invalidData` otherwise.
  package init(path: String, variant: String? = nil, planning: Bool = false) throws(Failure) {
    try self.init(
      YAMLDocument.load(path: path), path: path, variant, planning, RecipePaths(recipe: path))
  }

  /// The names of the variants of the recipe at `path`.
  package static func variants(path: String) throws(Failure) -> [String] {
    RecipeVariants.names(try YAMLDocument.load(path: path))
  }

  /// Reads and checks a recipe's text, for files relative to the folder of `path`.
  package init(
    yaml: String, path: String, variant: String? = nil, planning: Bool = false,
    environment: [String: String] = [:]
  ) throws(Failure) {
    try self.init(
      YAMLDocument.parse(yaml, file: path), path: path, variant, planning,
      RecipePaths(recipe: path, environment: environment))
  }

  private init(
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
