import Bytes
import Models

/// A model's answer to one item, and whether it is right.
package struct TaskOutcome: Sendable, Equatable {
  /// The row's number, from 1.
  package let row: Int
  /// The log-likelihood of each choice in nats; empty for a generated text.
  package let logLikelihoods: [Double]
  /// The choice with the highest log-likelihood, the first among equals; nil for a generated text.
  package let chosen: Int?
  /// The choice with the highest log-likelihood per character; nil for a generated text.
  package let chosenNormalized: Int?
  /// Whether all tokens of a right continuation are the likeliest ones; nil if that wasn't asked for.
  package let isGreedy: Bool?
  /// The generated text, up to what ends it; nil for choices.
  package let generated: String?
  /// The shares that are right.
  package let right: Set<TaskDescription.Metric>
  /// Log-likelihood and tokens of the first right continuation; 0 and 0 for a generated text.
  package let answer: (logLikelihood: Double, tokens: Int)

  package static func == (a: TaskOutcome, b: TaskOutcome) -> Bool { a.json == b.json }

  /// Judges the scores of an item's choices or of its one continuation.
  init(_ item: TaskItem, _ task: TaskDescription, scores: [ContinuationScore]) {
    row = item.row
    logLikelihoods = scores.map(\.logLikelihood)
    let best = Self.highest(logLikelihoods)
    let normalized = Self.highest(zip(logLikelihoods, item.lengths).map { $0 / Double($1) })
    chosen = best
    chosenNormalized = normalized
    let greedy = scores.contains { $0.isGreedy != nil }
    let isGreedy = greedy ? item.gold.contains { scores[$0].isGreedy == true } : nil
    self.isGreedy = isGreedy
    generated = nil
    var right: Set<TaskDescription.Metric> = []
    switch task.outputType {
    case .multipleChoice:
      if item.gold.contains(best) { right.insert(.accuracy) }
      if item.gold.contains(normalized) { right.insert(.normalizedAccuracy) }
      if isGreedy == true { right.insert(.exactMatch) }
    case .logLikelihood, .generated:
      if isGreedy == true { right.insert(.accuracy) }
    }
    self.right = right.intersection(task.metrics)
    answer = (scores[item.gold[0]].logLikelihood, scores[item.gold[0]].tokens)
  }

  /// Judges a generated text.
  init(_ item: TaskItem, _ task: TaskDescription, generated text: String) {
    row = item.row
    logLikelihoods = []
    (chosen, chosenNormalized, isGreedy) = (nil, nil, nil)
    let shown = task.comparison.stripsStart ? PythonText.stripped(text, right: false) : text
    generated = shown
    let compared = task.comparison.applied(to: shown)
    let isRight = item.choices.contains {
      task.comparison.applied(to: $0).unicodeScalars.elementsEqual(compared.unicodeScalars)
    }
    right = isRight ? [.exactMatch] : []
    answer = (0, 0)
  }

  /// The place of the highest number, the first among equals.
  static func highest(_ values: [Double]) -> Int {
    values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
  }
}

extension TaskDescription.Comparison {
  /// The text as it is compared: without what the task ignores.
  func applied(to text: String) -> String {
    var text = ignoresCase ? text.lowercased() : text
    func drop(_ isDropped: (Unicode.Scalar) -> Bool) {
      text = PythonText.joined(text.unicodeScalars.filter { !isDropped($0) })
    }
    // Python's `string.punctuation` and `string.digits`.
    if ignoresPunctuation {
      drop { scalar in
        scalar.isASCII && scalar.value > 32 && scalar.value < 127
          && !scalar.properties.isAlphabetic && scalar.properties.numericType == nil
      }
    }
    if ignoresNumbers { drop { ("0"..."9").contains($0) } }
    return text
  }
}

extension TaskOutcome {
  /// The outcome with keys that scripts rely on.
  package var json: JSON {
    var object: JSONObject = ["row": JSON(row)]
    if generated == nil {
      object["loglikelihoods"] = .array(logLikelihoods.map { .number($0) })
      object["chosen"] = chosen.map { JSON($0) }
      object["chosen_norm"] = chosenNormalized.map { JSON($0) }
      object["greedy"] = isGreedy.map { .bool($0) }
      object["answer_loglikelihood"] = .number(answer.logLikelihood)
      object["answer_tokens"] = JSON(answer.tokens)
    } else {
      object["generated"] = generated.map { .string($0) }
    }
    object["right"] = JSON(right.map(\.rawValue).sorted())
    return .object(object)
  }

  /// Reads an outcome that was written as `json`.
  /// - Throws: `invalidData` naming the member that is missing or out of range.
  package init(json: JSON) throws(Failure) {
    row = try json.required("row", as: Int.self)
    generated = json["generated"]?.string
    let values = (json["loglikelihoods"]?.array ?? []).compactMap(\.double)
    logLikelihoods = values
    chosen = json["chosen"]?.int
    chosenNormalized = json["chosen_norm"]?.int
    isGreedy = json["greedy"]?.bool
    right = Set(
      try (json.required("right").array ?? []).compactMap {
        $0.string.flatMap { TaskDescription.Metric(rawValue: $0) }
      })
    answer = (json["answer_loglikelihood"]?.double ?? 0, json["answer_tokens"]?.int ?? 0)
    guard row > 0, (chosen == nil) == (generated != nil),
      [chosen, chosenNormalized].allSatisfy({ $0.map { values.indices.contains($0) } ?? true })
    else {
      throw Failure(.invalidData, at: "row \(row)", "the stored outcome can't be")
    }
  }
}
