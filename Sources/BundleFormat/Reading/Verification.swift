/// How much of a bundle is checked before it is used.
public enum Verification: String, Sendable, CaseIterable {
  /// Header, commit records, table and the cover of the file; no section is read.
  case none
  /// Also XXH3-128 of every section and the zeros between them.
  case fast
  /// Also SHA-256, and that every section means what its type promises.
  case full
}

/// One thing that is wrong, or worth knowing, about a bundle.
public struct Problem: Sendable, Equatable, CustomStringConvertible {
  public enum Severity: String, Sendable {
    /// The bundle isn't what it should be.
    case error
    /// Nothing is wrong, but something happened: an unfinished edit that left the old state in
    /// force.
    case note
  }
  public var severity: Severity
  /// The section, byte or record concerned.
  public var place: String
  public var finding: String

  public init(_ severity: Severity = .error, at place: String, _ finding: String) {
    self.severity = severity
    self.place = place
    self.finding = finding
  }

  public var description: String { "\(place): \(finding)" }
}
