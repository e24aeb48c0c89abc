import Bytes

/// The results of one task: up to four columns over the same rows.
package struct ReportTask: Sendable {
  package var name: String
  /// The number of its protocol, which says how many rows were seen.
  package var `protocol`: Int
  package var columns: [Column]
  /// SHA-256 of the files that the questions were made from, by role: "task", "rows" …
  package var files: [String: SHA256Digest] = [:]
  /// Rows whose answer isn't the full model's, or whose being right isn't.
  package var flips: [Flip]

  /// One model's results.
  package struct Column: Sendable {
    package var subject: ReportSubject
    package var prompt: String?
    /// The metrics by name, the one that judges flips first: "acc", "acc_norm", "exact_match" (shares
    /// of the rows), "perplexity".
    package var metrics: [(name: String, value: ReportValue)]
    /// The exact p of McNemar's test against the full model.
    package var mcNemar: Double?

    package init(
      _ subject: ReportSubject, prompt: String? = nil,
      metrics: [(name: String, value: ReportValue)], mcNemar: Double? = nil
    ) {
      self.subject = subject
      self.prompt = prompt
      self.metrics = metrics
      self.mcNemar = mcNemar
    }

    /// The first share of right answers; nil where the task measures none.
    package var accuracy: ReportValue? { metrics.first { $0.name != "perplexity" }?.value }
  }

  /// The direction of a changed answer.
  package enum Direction: String, Sendable, CaseIterable {
    case rightToWrong = "right_wrong"
    case wrongToRight = "wrong_right"
    case wrongToWrong = "wrong_wrong"

    package var label: String {
      switch self {
      case .rightToWrong: "right → wrong"
      case .wrongToRight: "wrong → right"
      case .wrongToWrong: "wrong → another wrong"
      }
    }
  }

  /// A model's answer: a choice, counted from 0, or a text.
  package enum Answer: Sendable, Equatable {
    case choice(Int)
    case text(String)

    package var label: String {
      switch self {
      case .choice(let index): "choice \(index)"
      case .text(let text): "“\(text)”"
      }
    }
  }

  /// A row whose answer changed.
  package struct Flip: Sendable {
    package var direction: Direction
    /// The model whose answer differs from the full model's.
    package var subject: ReportSubject
    /// The row's number in the task's file, from 1.
    package var row: Int
    /// The text before the choices; empty where it isn't kept.
    package var question: String
    package var choices: [String]
    /// The right choice; nil where it isn't kept.
    package var gold: Int?
    /// The full model's answer.
    package var before: Answer?
    /// The other model's answer.
    package var after: Answer?

    package init(
      _ direction: Direction, _ subject: ReportSubject, row: Int, question: String = "",
      choices: [String] = [], gold: Int? = nil, before: Answer? = nil,
      after: Answer? = nil
    ) {
      self.direction = direction
      self.subject = subject
      self.row = row
      self.question = question
      self.choices = choices
      self.gold = gold
      self.before = before
      self.after = after
    }
  }

  package init(name: String, protocol: Int, columns: [Column], flips: [Flip] = []) {
    self.name = name
    self.protocol = `protocol`
    self.columns = columns
    self.flips = flips
  }
}
