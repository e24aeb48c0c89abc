/// The error type of the project: a kind, the file and place concerned, a finding, and advice on
/// what to do next.
///
/// Every module throws it, so that error messages and exit statuses are decided in one place.
public struct Failure: Error, Sendable, Equatable {
  /// The category of a failure, for programs that react to it.
  public enum Kind: Sendable, CaseIterable {
    /// A quality gate or a comparison failed.
    case notMet
    /// A setting or an argument is invalid or contradicts another.
    case usage
    /// A file's content violates its format.
    case invalidData
    /// A required file is missing or can't be opened.
    case inputMissing
    /// A bug in this program.
    case internalError
    /// The system refused memory or address space.
    case outOfMemory
    /// An output can't be created.
    case cannotCreate
    /// A read or write failed, including on a full disk.
    case io
    /// Another process holds a lock.
    case busy
    /// A signal stopped the work; running the same command resumes it.
    case interrupted
  }

  /// A stable identifier of one particular failure. The module that throws the failure declares the
  /// reason as a static member; the command line uses it to add advice about its options.
  public struct Reason: Sendable, Hashable {
    /// The identifier, with a prefix for its area: "recipe.variant-needed".
    public let code: String

    /// The reason with the name `code`.
    public init(_ code: String) { self.code = code }
  }

  /// The category of the failure.
  public let kind: Kind
  /// The file concerned, as the caller named it.
  public let file: String?
  /// The place within the file: a byte offset, a line, a tensor or a key.
  public let place: String?
  /// One clause that says what was found and, where it helps, what was expected.
  public let finding: String
  /// Entries that the finding counts, shown one per line; empty for most failures.
  public let list: [String]
  /// The next step for the user, if there is one.
  public let advice: String?
  /// The identifier of this failure, if a caller can add advice to it.
  public let reason: Reason?

  /// A failure of the kind `kind` with the clause `finding` and the entries `list`.
  public init(
    _ kind: Kind, file: String? = nil, at place: String? = nil, _ finding: String,
    list: [String] = [], advice: String? = nil, reason: Reason? = nil
  ) {
    self.kind = kind
    self.file = file
    self.place = place
    self.finding = finding
    self.list = list
    self.advice = advice
    self.reason = reason
  }

  /// Returns this failure with `file` and `place` filled in where it has none.
  public func located(file: String? = nil, at place: String? = nil) -> Failure {
    Failure(
      kind, file: self.file ?? file, at: self.place ?? place, finding, list: list,
      advice: advice, reason: reason)
  }
}

extension Failure: CustomStringConvertible {
  /// One line: file, place, finding and advice, as far as known, then a line for each entry of the
  /// list. What a terminal would obey is spelled out (`ShownText`), because names from files are
  /// among the words.
  public var description: String {
    var text = [file, place].compactMap(\.self).joined(separator: ": ")
    if !text.isEmpty { text += ": " }
    text += finding
    if let advice { text += "; " + advice }
    return ([text] + list).map(ShownText.line).joined(separator: "\n  ")
  }
}
