import Bytes

extension Failure.Reason {
  /// The recipe has variants, and none was chosen.
  package static let variantNeeded = Failure.Reason("recipe.variant-needed")
  /// The objective needs the uncompressed model, and none was given.
  package static let teacherNeeded = Failure.Reason("learning.teacher-needed")
  /// A bundle's own recipe isn't enough to repeat its build.
  package static let recipeNeeded = Failure.Reason("repro.recipe-needed")
  /// Files that a build read weren't found.
  package static let inputsNeeded = Failure.Reason("repro.inputs-needed")
}
