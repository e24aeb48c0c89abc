/// A failure that a person can act on: what kind it is, where it happened, what was found, and what
/// to do next.
///
/// Every module throws this type, so that a command's exit status and its sentence on standard
/// error follow from one place.
public struct Failure: Error, Sendable, Equatable {
  /// The kind decides the exit status of a command; the raw value is that status (after BSD
  /// `sysexits.h`).
  public enum Kind: Int32, Sendable, CaseIterable {
    /// A quality gate or a comparison was not met.
    case notMet = 1
    /// The command line or a setting asks for something impossible.
    case usage = 64
    /// A file's content is not what its format allows.
    case invalidData = 65
    /// A file that is needed isn't there or can't be opened.
    case inputMissing = 66
    /// A defect of this program.
    case internalError = 70
    /// An output can't be created.
    case cannotCreate = 73
    /// The system refused to read or write, a full disk included.
    case io = 74
    /// Another process holds the lock.
    case busy = 75
    /// Stopped by a signal; the same command goes on from there.
    case interrupted = 130
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// The file concerned, as the caller named it.
  public let file: String?
  /// The place inside it: a byte offset, a line, a tensor, a key.
  public let place: String?
  /// One clause that says what was found (and what was expected).
  public let finding: String
  /// What to do next, where there is something to do.
  public let advice: String?

  /// A failure of the kind `kind` with the clause `finding`.
  public init(
    _ kind: Kind, file: String? = nil, at place: String? = nil, _ finding: String,
    advice: String? = nil
  ) {
    self.kind = kind
    self.file = file
    self.place = place
    self.finding = finding
    self.advice = advice
  }

  /// The same failure with the file and place filled in where they were still unknown.
  public func located(file: String? = nil, at place: String? = nil) -> Failure {
    Failure(kind, file: self.file ?? file, at: self.place ?? place, finding, advice: advice)
  }
}

extension Failure: CustomStringConvertible {
  /// One line: file, place, finding and advice, as far as known.
  public var description: String {
    var text = [file, place].compactMap(\.self).joined(separator: ": ")
    if !text.isEmpty { text += ": " }
    text += finding
    if let advice { text += "; " + advice }
    return text
  }
}
