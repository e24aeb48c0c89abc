import BundleFormat
import Bytes
import Pipeline
import TestSupport
import Testing

/// Recipes in canonical form, as bundles store them, read again: a build by one gives the same bytes.
@Suite struct StoredRecipeTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for file in ["train.txt", "dev.txt", "test.raw", "model/config.json", "other.ctpack"] {
      try folder.write(file, "")
    }
  }

  private func recipe(_ yaml: String) throws -> Recipe {
    try Recipe(
      yaml: "model: model\ncalibration: {text: train.txt}\n" + yaml, path: folder.file("r.yaml"))
  }

  /// The paths of a recipe's inputs by their roles.
  private func paths(_ recipe: Recipe) -> [String: String] {
    var paths = ["model": recipe.model]
    for (role, path) in recipe.texts { paths[role] = path }
    paths["init_from"] = recipe.prompt?.startFrom?.bundle
    return paths
  }

  /// The recipes that together use every field.
  @Test func everyFieldComesBack() throws {
    #expect(RecipeFormTests.recipes.count > 20)
    for (name, yaml) in RecipeFormTests.recipes {
      let written = try recipe(yaml)
      let digest = SHA256Digest(hashing: Array("{}".utf8))
      let form = written.canonical(files: ["model": [("config.json", digest)]])
      let stored = StoredRecipe(try #require(form.object), file: "a.ctpack")
      let read = try stored.recipe(paths: paths(written))
      let (before, after) = (written.canonical(files: [:]), read.canonical(files: [:]))
      #expect(before == after, "\(name): \(ValueChange.between(before, after).map(\.clause))")
      #expect(read.texts.map(\.path) == written.texts.map(\.path), "\(name)")
      #expect(read.prompt?.startFrom == written.prompt?.startFrom, "\(name)")
      #expect(read.model == written.model && read.modelName == written.modelName, "\(name)")
    }
  }

  /// Paths come from the program, not from somebody who writes recipes.
  @Test func pathsAreTakenAsTheyAre() throws {
    try folder.write("${HOME}.txt", "")
    let written = try recipe("")
    let stored = StoredRecipe(
      try #require(written.canonical(files: [:]).object), file: "a.ctpack")
    let path = folder.file("${HOME}.txt")
    let read = try stored.recipe(paths: ["model": written.model, "calibration": path])
    #expect(read.calibration.text == path)
  }

  private func refusal(
    _ change: (inout JSONObject) -> Void, without role: String? = nil
  ) throws -> Failure? {
    let written = try recipe(
      "prompt: {validation: {text: dev.txt}}\nevaluation: {text: test.raw}\n"
        + "gate: {test: {max_ppl: 3}}")
    var document = try #require(written.canonical(files: [:]).object)
    change(&document)
    var paths = paths(written)
    if let role { paths[role] = nil }
    return #expect(throws: Failure.self) {
      try StoredRecipe(document, file: "a.ctpack").recipe(paths: paths)
    }
  }

  /// A field of a later version, or what nobody wrote: named, with the way out.
  @Test func whatIsNotUnderstoodIsRefused() throws {
    let later = try refusal { $0["smoothing"] = ["share": 0.5] }
    #expect(later?.kind == .invalidData && later?.file == "a.ctpack")
    #expect(later?.list.contains { $0.contains("unknown key `smoothing`") } == true)
    #expect(later?.advice == "give the recipe's file")
    let changes: [(String, JSON)] = [
      ("calibration", "x"), ("compression", 3), ("compression", ["linear": [1]]),
      ("compression", ["linear": [:], "rules": [["settings": 3], 4]]), ("prompt", [1, 2]),
      ("prompt", ["kind": 7, "init_from": 8]), ("evaluation", ["name": "x"]), ("model", [:]),
      ("evaluation", [[1], ["name": 2]]), ("gate", ["all": 1, "named": [["a": 1]], "b": .null]),
    ]
    for (name, value) in changes {
      let failure = try refusal { $0[name] = value }
      #expect(failure?.list.isEmpty == false, "\(name): \(value.canonicalText)")
    }
  }

  @Test(arguments: ["model", "calibration", "training", "validation", "evaluation test"])
  func aMissingInputIsNamed(role: String) throws {
    let failure = try refusal({ _ in }, without: role)
    #expect(failure?.kind == .invalidData)
    #expect(failure?.list == [role])
  }
}
