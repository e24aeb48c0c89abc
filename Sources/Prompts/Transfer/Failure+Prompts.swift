import Bytes

extension Failure.Reason {
  /// The bundle already has another prompt of this name.
  package static let promptNameTaken = Failure.Reason("prompts.name-taken")
  /// The name can't be a prompt's: it has other characters than names have, or another meaning when
  /// a prompt is chosen.
  package static let promptNameReserved = Failure.Reason("prompts.name-reserved")
  /// Two prompts that are transferred together have the same name.
  package static let promptNamesEqual = Failure.Reason("prompts.names-equal")
  /// The prompt was never measured on the target's weights.
  package static let promptUnvalidated = Failure.Reason("prompts.unvalidated")
  /// The bundle has several prompts and none was named.
  package static let promptNeeded = Failure.Reason("prompts.one-needed")
}
