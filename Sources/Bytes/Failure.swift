/// A failure with all that is needed to act on it: its kind, its place, the finding, and advice on
/// what to do next.
///
/// Every module throws this type, so that what a program reports, and the status it ends with,
/// follow from one place.
public struct Failure: Error, Sendable, Equatable {
  /// The kind of a failure, for programs that react to it.
  public enum Kind: Sendable, CaseIterable {
    /// A quality gate or a comparison was not met.
    case notMet
    /// A setting or an argument asks for something impossible.
    case usage
    /// A file's content is not what its format allows.
    case invalidData
    /// A file that is needed isn't there or can't be opened.
    case inputMissing
    /// A defect of this program.
    case internalError
    /// An output can't be created.
    case cannotCreate
    /// The system refused to read or write, a full disk included.
    case io
    /// Another process holds the lock.
    case busy
    /// Stopped by a signal; the same command goes on from there.
    case interrupted
  }

  /// A stable name for one failure among those of its kind. The module that throws it declares it
  /// as a static member; a program that knows its own options adds to the advice by it.
  public struct Reason: Sendable, Hashable {
    /// The name itself: "recipe.variant-needed".
    public let code: String

    /// The reason with the name `code`.
    public init(_ code: String) { self.code = code }
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// The file concerned, as the caller named it.
  public let file: String?
  /// The place inside it: a byte offset, a line, a tensor, a key.
  public let place: String?
  /// One clause that says what was found (and what was expected).
  public let finding: String
  /// The next step, where there is one.
  public let advice: String?
  /// Which failure this is, where a caller can say more about it.
  public let reason: Reason?

  /// A failure of the kind `kind` with the clause `finding`.
  public init(
    _ kind: Kind, file: String? = nil, at place: String? = nil, _ finding: String,
    advice: String? = nil, reason: Reason? = nil
  ) {
    self.kind = kind
    self.file = file
    self.place = place
    self.finding = finding
    self.advice = advice
    self.reason = reason
  }

  /// This failure with the file and place filled in where they are still unknown.
  public func located(file: String? = nil, at place: String? = nil) -> Failure {
    Failure(
      kind, file: self.file ?? file, at: self.place ?? place, finding, advice: advice,
      reason: reason)
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
