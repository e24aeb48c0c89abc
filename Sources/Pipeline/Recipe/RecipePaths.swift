import Bytes
import Foundation

/// Paths in a recipe: relative to the recipe's folder, with `${NAME}` for environment variables.
struct RecipePaths {
  /// The folder that holds the recipe.
  let folder: String
  let environment: [String: String]

  init(recipe: String, environment: [String: String] = ProcessInfo.processInfo.environment) {
    let parts = recipe.split(separator: "/", omittingEmptySubsequences: false)
    let folder = parts.dropLast().joined(separator: "/")
    self.folder = parts.count == 1 ? "" : (folder.isEmpty ? "/" : folder)
    self.environment = environment
  }

  /// The path that `text` means; a sentence where it means none.
  func resolve(_ text: String) -> Result<String, Unresolved> {
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
