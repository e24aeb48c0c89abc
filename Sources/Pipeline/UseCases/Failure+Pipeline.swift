import Bytes

extension Failure.Reason {
  /// The recipe has variants, and none was chosen.
  package static let variantNeeded = Failure.Reason("recipe.variant-needed")
  /// The objective needs the uncompressed model, and none was given.
  package static let teacherNeeded = Failure.Reason("learning.teacher-needed")
}
