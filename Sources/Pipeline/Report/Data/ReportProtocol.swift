import Bytes

/// How a number was measured. Two numbers are compared only where all of it is equal.
package struct ReportProtocol: Sendable, Hashable {
  /// The measured quantity.
  package enum Kind: String, Sendable {
    case perplexity, validation, task, learning, layers, similarity, tokens
  }

  package var kind: Kind
  /// The protocol's id: "ctp-1024", or a task's name.
  package var id: String
  /// The text's or the task's name, without a path.
  package var text: String
  package var textDigest: SHA256Digest?
  package var tokenizer: SHA256Digest?
  /// Windows that were scored; nil where there are none.
  package var windows: Int?
  /// Tokens whose likelihood counts, or rows of a task.
  package var scored: Int?
  /// Tokens of the text, or rows of the task's file, scored or not.
  package var available: Int?
  /// Precision of the matrix products: "float32", "bfloat16"; nil where none are computed.
  package var arithmetic: String?

  package init(
    _ kind: Kind, id: String, text: String, textDigest: SHA256Digest? = nil,
    tokenizer: SHA256Digest? = nil, windows: Int? = nil, scored: Int? = nil, available: Int? = nil,
    arithmetic: String? = nil
  ) {
    self.kind = kind
    self.id = id
    self.text = text
    self.textDigest = textDigest
    self.tokenizer = tokenizer
    self.windows = windows
    self.scored = scored
    self.available = available
    self.arithmetic = arithmetic
  }
}

/// The protocols of a report, numbered from 1 in the order in which they are first used. Equal
/// protocols have one number, so a number also says what may be compared.
package struct ReportProtocols: Sendable {
  package private(set) var all: [ReportProtocol] = []
  private var numbers: [ReportProtocol: Int] = [:]

  package init() {}

  /// The number of `entry`, which is added where it is new.
  package mutating func number(of entry: ReportProtocol) -> Int {
    if let known = numbers[entry] { return known }
    all.append(entry)
    numbers[entry] = all.count
    return all.count
  }

  /// The protocol with the number `number`, counted from 1.
  package subscript(number: Int) -> ReportProtocol { all[number - 1] }
}
