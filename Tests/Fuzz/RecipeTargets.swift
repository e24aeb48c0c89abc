import Bytes
import Pipeline

/// Readers of YAML that users write. Recipes are read for planning, so that no files are needed.
enum RecipeTargets {
  static func recipe(_ input: [UInt8]) throws(Failure) {
    guard let text = String(validating: input, as: UTF8.self) else { return }
    _ = try Recipe(yaml: text, path: "/nowhere/recipe.yaml", planning: true)
  }

  static func policy(_ input: [UInt8]) throws(Failure) {
    _ = try VerificationPolicy(path: ScratchInput.write(input, "policy.yaml"))
  }
}
