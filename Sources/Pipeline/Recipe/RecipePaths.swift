import Bytes
import Foundation

/// Resolution of paths in a recipe: relative to its folder, with `${NAME}` for environment
/// variables.
struct RecipePaths {
  /// The folder of the recipe; empty for the current folder.
  let folder: String
  let environment: [String: String]
  /// Whether paths are taken as they are, because the program wrote them.
  private let isLiteral: Bool

  /// Paths that the program wrote into a recipe: relative to the current folder, without variables.
  init(literal: ()) { (folder, environment, isLiteral) = ("", [:], true) }

  init(recipe: String, environment: [String: String] = ProcessInfo.processInfo.environment) {
    isLiteral = false
    let parts = recipe.split(separator: "/", omittingEmptySubsequences: false)
    let folder = parts.dropLast().joined(separator: "/")
    self.folder = parts.count == 1 ? "" : (folder.isEmpty ? "/" : folder)
    self.environment = environment
  }

  /// Expands variables in `text` and makes it relative to the folder; fails with a clause if a
  /// variable isn't set or the syntax is wrong.
  func resolve(_ text: String) -> Result<String, Unresolved> {
    if isLiteral { return .success(text) }
    var path = ""
    var rest = text[...]
    while let start = rest.range(of: "${") {
      path += rest[..<start.lowerBound]
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
        return .failure(Unresolved(text: "`${` without `}`"))
      }
      let name = String(rest[start.upperBound..<end])
      guard let value = environment[name], !value.isEmpty else {
        return .failure(Unresolved(text: "the environment variable \(name) is not set"))
      }
      path += value
      rest = rest[rest.index(after: end)...]
    }
    path += rest
    if path.hasPrefix("/") || folder.isEmpty { return .success(path) }
    return .success(folder == "/" ? "/" + path : folder + "/" + path)
  }

  struct Unresolved: Error { let text: String }
}

extension RecipeSection {
  func file(_ name: String) -> String? {
    guard let path = path(name) else { return nil }
    if !FileManager.default.fileExists(atPath: path) {
      note(name, "\(path) does not exist", kind: .inputMissing)
    } else if !FileManager.default.isReadableFile(atPath: path) {
      note(name, "\(path) can't be read", kind: .inputMissing)
    }
    return path
  }

  func path(_ name: String) -> String? {
    guard let text = text(name) else { return nil }
    switch paths.resolve(text) {
    case .success(let path): return path
    case .failure(let problem):
      note(name, problem.text, kind: .inputMissing)
      return nil
    }
  }
}
