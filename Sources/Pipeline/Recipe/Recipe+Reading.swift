import Bytes
import Foundation
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

  /// The same from text, for files relative to the folder of `path`.
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
    let problems = RecipeProblems(file: path)
    let top = RecipeFields(root, section: RecipeFields.top, problems: problems)
    self.path = path
    name = (top.string("name") ?? PathNames.stem(path)) + (variant.map { "-" + $0 } ?? "")
    if !Recipe.isPlainName(name) { top.note("name", "use letters, digits, `-`, `_` and `.` only") }
    let seed = top.integer("seed", default: 0, in: 0...Int.max)
    (model, modelName, shape) = top.model(paths, planning: planning)
    calibration = CalibrationRecipe(top.section("calibration"), paths, seed: seed)
    compression = CompressionRecipe(top.section("compression"))
    if top.has("prompt") {
      prompt = PromptRecipe(top.section("prompt"), paths, text: calibration.text, seed: seed)
    } else {
      _ = top.node("prompt")
    }
    evaluations = top.list("evaluation").enumerated().map { index, node in
      EvaluationRecipe(
        RecipeFields(node, section: "evaluation \(index + 1)", problems: problems), paths)
    }
    for (index, one) in evaluations.enumerated()
    where evaluations[..<index].contains(where: { $0.name == one.name }) {
      top.note("evaluation", "two evaluations are called `\(one.name)`: give one another `name`")
    }
    gate = GateRecipe(
      top.section("gate"), evaluations: evaluations.map(\.name), hasPrompt: prompt != nil)
    packaging = PackagingRecipe(top.section("package"))
    output = top.path("output", paths)
    memory = top.byteCount("memory") ?? ProcessUsage.availableMemory / 2
    top.finish()
    lines = problems.lines
    missing = problems.missing
    try problems.check()
  }

  package static func isPlainName(_ name: String) -> Bool {
    name.utf8.count <= 100 && !name.hasPrefix(".")
      && name.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
          UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}

extension RecipeFields {
  /// A path alone, or `{path: …, name: …, shape: …}`.
  func model(
    _ paths: RecipePaths, planning: Bool
  ) -> (path: String, name: String, shape: String?) {
    guard case .mapping? = node("model") else {
      let path = existing("model", paths)
      return (path, PathNames.stem(path), nil)
    }
    let fields = section("model")
    let shape = fields.has("shape") ? fields.existing("shape", paths) : nil
    problems.allowsMissing = planning && shape != nil
    let path = fields.existing("path", paths)
    let name = fields.string("name") ?? PathNames.stem(path)
    _ = fields.node("shape")
    fields.finish()
    return (path, name, shape)
  }

  /// A number of bytes: `4GiB`, `1.5 GiB`, `512 MiB`, or plainly a number; nil where there is none.
  func byteCount(_ name: String) -> Int? {
    guard let text = string(name) else { return nil }
    if let bytes = ByteAmount.parse(text) { return bytes }
    note(name, "expected an amount like `512 MiB` or `1.5 GiB`, found `\(text.prefix(40))`")
    return nil
  }
}
