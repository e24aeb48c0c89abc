/// A level of checking a bundle before it is used.
public enum Verification: String, Sendable, CaseIterable {
  /// Header, commit records, table and the cover of the file; no section is read.
  case none
  /// Also XXH3-128 of every section and the zeros between them.
  case fast
  /// Also SHA-256, and the content of every section by the rules of its type.
  case full
}

/// A fault of a bundle, or a note about it.
public struct Problem: Sendable, Equatable, CustomStringConvertible {
  /// The weight of a problem.
  public enum Severity: String, Sendable {
    /// The bundle isn't what it should be.
    case error
    /// Nothing is wrong, but something happened: an unfinished edit that left the old state in
    /// force.
    case note
  }
  /// The weight.
  public var severity: Severity
  /// The section, byte or record concerned.
  public var place: String
  /// The finding, as a clause.
  public var finding: String

  /// The problem `finding` at `place`.
  public init(_ severity: Severity = .error, at place: String, _ finding: String) {
    self.severity = severity
    self.place = place
    self.finding = finding
  }

  /// Place and finding in one line.
  public var description: String { "\(place): \(finding)" }
}
