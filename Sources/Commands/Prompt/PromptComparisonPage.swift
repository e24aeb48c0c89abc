import BundleFormat
import Bytes
import Evaluation
import Pipeline
import Routing

/// A comparison of prompts as a text page and as JSON.
struct PromptComparisonPage {
  private let comparison: PromptComparison

  init(_ comparison: PromptComparison) { self.comparison = comparison }

  /// A column per text, and one for all texts together if there are several.
  private var columns: [(name: String, text: Int?)] {
    let texts = comparison.texts.enumerated().map { (name: $1.name, text: Optional($0)) }
    return texts.count == 1 ? texts : texts + [("all", nil)]
  }

  /// Two tables: perplexities, and windows per prompt.
  var lines: [String] {
    let rule = comparison.rule
    let windows = comparison.texts.map { "\($0.name) \($0.windows.count)" }
    let head =
      "Perplexity (\(rule.id), windows: \(windows.joined(separator: ", "))); rest: the tokens "
      + "after the first \(comparison.part) of each window"
    return [head] + Output.table(perplexities, right: Set(1..<perplexities[0].count))
      + ["", "Windows per prompt"] + Output.table(shares, right: Set(2..<shares[0].count))
  }

  private var perplexities: [[String]] {
    let head = [""] + columns.flatMap { [$0.name, "rest"] }
    return [head]
      + comparison.rows.map { row in
        [label(row)]
          + columns.flatMap { column in
            [
              Figure.fixed(comparison.perplexity(row, text: column.text).value, 3),
              Figure.fixed(comparison.rest(row, text: column.text).ppl, 3),
            ]
          }
      }
  }

  private var shares: [[String]] {
    let head = ["", "text"] + comparison.names
    return [head]
      + ComparisonRule.allCases.flatMap { rule in
        comparison.texts.indices.map { text in
          [text == 0 ? label(.chosen(rule)) : "", comparison.texts[text].name]
            + comparison.shares(rule, text: text).map { Figure.count($0) }
        }
      }
  }

  private func label(_ row: ComparisonRow) -> String {
    switch row {
    case .without: "no prompt"
    case .prompt(let prompt): "`\(comparison.names[prompt])`"
    case .chosen(.keys): "keys (auto)"
    case .chosen(let rule): rule.rawValue
    }
  }

  /// The settings, the texts, and a record per row and column.
  var json: JSON {
    [
      "protocol": .string(comparison.rule.id), "part": JSON(comparison.part),
      "seed": JSON(Int(comparison.seed)),
      "prompts": .array(comparison.names.map { .string($0) }),
      "texts": .array(
        comparison.texts.map {
          [
            "name": .string($0.name), "text_sha256": $0.digest.map { .string($0.hex) } ?? .null,
            "tokens": JSON($0.tokens), "windows": JSON($0.windows.count),
          ]
        }),
      "rows": .array(
        comparison.rows.flatMap { row in columns.map { record(of: row, $0.name, $0.text) } }),
    ]
  }

  private func record(of row: ComparisonRow, _ name: String, _ text: Int?) -> JSON {
    let measured = comparison.perplexity(row, text: text)
    var object = measured.json.object ?? [:]
    object["text"] = text == nil ? .null : .string(name)
    object["rest"] = comparison.rest(row, text: text).json
    if case .chosen(let rule) = row { object["rule"] = .string(rule.rawValue) }
    return .object(object)
  }
}
