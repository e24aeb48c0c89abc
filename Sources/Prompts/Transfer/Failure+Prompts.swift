import Bytes

extension Failure.Reason {
  /// A bundle has another prompt of this name.
  package static let promptNameTaken = Failure.Reason("prompts.name-taken")
  /// The name has a meaning of its own where prompts are chosen.
  package static let promptNameReserved = Failure.Reason("prompts.name-reserved")
  /// Two prompts that arrive together have one name.
  package static let promptNamesEqual = Failure.Reason("prompts.names-equal")
  /// The prompt was never measured on the weights that it is to be used with.
  package static let promptUnvalidated = Failure.Reason("prompts.unvalidated")
  /// A bundle has several prompts and none was named.
  package static let promptNeeded = Failure.Reason("prompts.one-needed")
}
