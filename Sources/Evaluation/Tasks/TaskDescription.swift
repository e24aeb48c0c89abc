import Bytes

/// A task: how rows of a data set become questions, and how a model's answers are judged. It is read
/// from YAML; the fields are named as in lm-evaluation-harness where they mean the same.
package struct TaskDescription: Sendable {
  /// The kind of answer.
  package enum OutputType: String, Sendable, CaseIterable {
    /// The likeliest of several continuations.
    case multipleChoice = "multiple_choice"
    /// The likelihood of one continuation.
    case logLikelihood = "loglikelihood"
    /// A generated text.
    case generated = "generate_until"
  }

  /// How answers are judged.
  package enum Metric: String, Sendable, CaseIterable {
    /// Whether the likeliest choice is right; with one continuation, whether each of its tokens is the
    /// likeliest.
    case accuracy = "acc"
    /// Whether the choice with the highest log-likelihood per character is right.
    case normalizedAccuracy = "acc_norm"
    /// Whether the generated text is an accepted one; with choices, whether each token of an accepted
    /// one is the likeliest.
    case exactMatch = "exact_match"
    /// exp of the mean negative log-likelihood of the continuations.
    case perplexity

    /// Whether the metric is the share of rows that are right.
    package var isShare: Bool { self != .perplexity }

    /// The metrics that an output type can have.
    package static func allowed(for output: OutputType) -> [Metric] {
      switch output {
      case .multipleChoice: [.accuracy, .normalizedAccuracy, .exactMatch]
      case .logLikelihood: [.accuracy, .perplexity]
      case .generated: [.exactMatch]
      }
    }

    /// The metrics of a task that names none.
    package static func usual(for output: OutputType) -> [Metric] {
      output == .multipleChoice ? [.accuracy, .normalizedAccuracy] : allowed(for: output)
    }
  }

  /// The source of the choices.
  package enum Choices: Sendable {
    case template(TaskTemplate)
    /// The same texts for each row.
    case fixed([String])
  }

  /// The right answer: a template or a constant number.
  package enum Target: Sendable {
    case template(TaskTemplate)
    case index(Int)
  }

  /// How a generated text is compared with the accepted ones.
  package struct Comparison: Sendable, Equatable {
    package var ignoresCase = false
    package var ignoresPunctuation = false
    package var ignoresNumbers = false
    /// Whether whitespace before the generated text is removed.
    package var stripsStart = false
    package init() {}
  }

  /// The task's name.
  package var name = ""
  /// The path of the task file.
  package var file: String
  /// SHA-256 of the task file.
  package var digest: SHA256Digest?
  /// The line of each field.
  package var lines: [String: Int] = [:]
  /// The rows to answer.
  package var rows = TaskRows.Source()
  /// The rows of the examples before each question; nil for the first of `rows`, without the question's
  /// own.
  package var fewshotRows: TaskRows.Source?
  /// Examples before each question.
  package var fewshot = 0
  package var outputType = OutputType.multipleChoice
  /// The text before everything else; empty for none.
  package var description: TaskTemplate?
  package var docToText: TaskTemplate?
  package var docToChoice: Choices?
  package var docToTarget: Target?
  /// Text between a question and its answer.
  package var targetDelimiter = " "
  /// Text after each example.
  package var fewshotDelimiter = "\n\n"
  package var metrics: [Metric] = []
  /// Texts that end a generated text.
  package var until: [String] = []
  /// The most tokens of a generated text.
  package var maxTokens = 256
  package var comparison = Comparison()

  package init(file: String) { self.file = file }

  /// The metric that flips and gates without a name are about: the first share.
  package var mainMetric: Metric { metrics.first(where: \.isShare) ?? .accuracy }
}
