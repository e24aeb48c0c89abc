import Bytes

/// The tokens that a number was measured on and the way it was computed. Two numbers may be compared
/// only if these are the same: the text, its tokens, the windows, the scored tokens, the arithmetic.
public struct MeasurementBasis: Sendable, Hashable {
  /// Id of the evaluation protocol, e.g. "ctp-1024".
  public var `protocol`: String
  /// Name of the text, without a path.
  public var text: String
  /// SHA-256 of the text, if known.
  public var textDigest: SHA256Digest?
  /// SHA-256 of the tokenizer, if known.
  public var tokenizerDigest: SHA256Digest?
  /// Windows that the text was cut into.
  public var windows: Int
  /// Tokens whose likelihood counts.
  public var scoredTokens: Int
  /// Tokens of the text, scored or not.
  public var tokens: Int
  /// Arithmetic of the matrix products, e.g. "float32".
  public var arithmetic: String

  /// A measurement of the text `text` under the protocol `protocol`.
  public init(
    protocol: String, text: String, textDigest: SHA256Digest?, tokenizerDigest: SHA256Digest?,
    windows: Int, scoredTokens: Int, tokens: Int, arithmetic: String
  ) {
    self.protocol = `protocol`
    self.text = text
    self.textDigest = textDigest
    self.tokenizerDigest = tokenizerDigest
    self.windows = windows
    self.scoredTokens = scoredTokens
    self.tokens = tokens
    self.arithmetic = arithmetic
  }

  /// A property in which two measurements differ.
  public struct Difference: Sendable, Equatable, CustomStringConvertible {
    /// The property in words: "windows".
    public let name: String
    /// The first measurement's value.
    public let first: String
    /// The second measurement's value.
    public let second: String

    /// The property with both values: "windows (12 and 6)".
    public var description: String { "\(name) (\(first) and \(second))" }
  }

  /// The properties that make this measurement and `other` incomparable; empty if they may be
  /// compared. A digest that one of them lacks, as those of earlier versions do, isn't a difference;
  /// texts without digests are told apart by their names.
  public func differences(from other: MeasurementBasis) -> [Difference] {
    var found: [Difference] = []
    func compare(_ name: String, _ first: String, _ second: String) {
      if first != second { found.append(Difference(name: name, first: first, second: second)) }
    }
    compare("protocol", `protocol`, other.protocol)
    if let textDigest, let theirs = other.textDigest {
      compare("text", Self.short(textDigest), Self.short(theirs))
    } else {
      compare("text", text, other.text)
    }
    if let tokenizerDigest, let theirs = other.tokenizerDigest {
      compare("tokenizer", Self.short(tokenizerDigest), Self.short(theirs))
    }
    compare("windows", "\(windows)", "\(other.windows)")
    compare("scored tokens", "\(scoredTokens)", "\(other.scoredTokens)")
    compare("tokens of the text", "\(tokens)", "\(other.tokens)")
    compare("arithmetic", arithmetic, other.arithmetic)
    return found
  }

  /// Checks that this measurement and `other` may be compared.
  /// - Throws: `notMet` naming every property in which they differ, with both values.
  public func requireComparable(to other: MeasurementBasis) throws(Failure) {
    let found = differences(from: other)
    guard !found.isEmpty else { return }
    throw Failure(
      .notMet, "the numbers can't be compared: they differ in \(Self.list(found))",
      advice: "measure both by one protocol on the same text")
  }

  /// Differences as a phrase: "windows (12 and 6), arithmetic (float32 and bfloat16)".
  public static func list(_ differences: [Difference]) -> String {
    differences.map(\.description).joined(separator: ", ")
  }

  private static func short(_ digest: SHA256Digest) -> String { "\(digest.hex.prefix(16))…" }
}

extension EvidenceRecord {
  /// The tokens that the number was measured on and the way it was computed.
  public var basis: MeasurementBasis {
    MeasurementBasis(
      protocol: `protocol`, text: text, textDigest: textDigest, tokenizerDigest: tokenizerDigest,
      windows: windows, scoredTokens: scoredTokens, tokens: tokens,
      arithmetic: arithmetic ?? Self.usualArithmetic)
  }
}
