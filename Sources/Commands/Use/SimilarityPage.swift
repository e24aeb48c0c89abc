import BundleFormat
import Bytes
import Evaluation
import Pipeline

/// The result of `ctpack similarity`, as a page and as JSON.
struct SimilarityPage {
  let measurement: SimilarityMeasurement
  /// The full model's path.
  let against: String
  /// The generation in which the result was stored; nil if it wasn't.
  let generation: UInt64?

  private var results: [SimilarityMeter.Result] { measurement.results }

  var lines: [String] {
    let arithmetic =
      measurement.arithmetic == .float32 ? "" : ", products in \(measurement.arithmetic)"
    var lines = [
      "\(measurement.bundle.path) against \(against): \(measurement.rule.id), "
        + "\(measurement.windows) windows of \(measurement.text.name)\(arithmetic)"
    ]
    lines += table(
      "Attention maps, cosine similarity to the full model's (1: the same)",
      { $0.similarity.attention }, { $0.similarity.attentionErrors })
    lines += table(
      "Block outputs, cosine similarity to the full model's (1: the same)",
      { $0.similarity.activations }, { $0.similarity.activationErrors })
    if results.contains(where: { $0.similarity.promptShare != nil }) {
      lines += table(
        "Prompt share: attention on the positions that the comparison leaves out",
        { $0.similarity.promptShare }, { _ in nil })
    }
    lines += ["", "Perplexity of the same windows"]
    lines += Output.table(
      results.map { result in
        let perplexity = measurement.perplexity(result)
        return [
          result.prompt ?? "none",
          "\(Figure.fixed(perplexity.value, 2)) ± \(Figure.fixed(perplexity.standardError, 2))",
          "over \(Figure.count(perplexity.scoredTokens)) tokens",
        ]
      }, right: [1])
    lines.append(
      measurement.windows > 1
        ? "  ±: standard error, of similarities over \(measurement.windows) windows, of perplexities over tokens."
        : "  One window: the similarities have no standard error.")
    if let generation {
      lines += ["", "stored in \(measurement.bundle.path) (generation \(generation))"]
    }
    return lines
  }

  /// A table with a row per block and a column per prompt, and the means of all blocks.
  private func table(
    _ title: String, _ values: (SimilarityMeter.Result) -> [Double]?,
    _ errors: (SimilarityMeter.Result) -> [Double]?
  ) -> [String] {
    var rows = [["block"] + results.map { $0.prompt ?? "none" }]
    let columns = results.map { (values: values($0), errors: errors($0)) }
    for block in results[0].similarity.attention.indices {
      rows.append(
        [String(block)]
          + columns.map { column in
            guard let own = column.values else { return "-" }
            let error = column.errors.map { " ± \(Figure.fixed($0[block], 4))" } ?? ""
            return Figure.fixed(own[block], 4) + error
          })
    }
    rows.append(
      ["mean"]
        + columns.map { column in
          column.values.map { Figure.fixed($0.reduce(0, +) / Double($0.count), 4) } ?? "-"
        })
    return ["", title] + Output.table(rows, right: Set(0...results.count))
  }

  var json: JSON {
    [
      "protocol": .string(measurement.rule.id), "text": .string(measurement.text.name),
      "text_sha256": .string(measurement.text.digest.hex), "windows": JSON(measurement.windows),
      "window_tokens": JSON(measurement.rule.length), "tokens": JSON(measurement.tokens),
      "arithmetic": .string(measurement.arithmetic.rawValue),
      "weights_digest": .string(measurement.bundle.weightsDigest.hex),
      "against": [
        "model": .string(PathNames.last(against)),
        "weights_digest": measurement.fullDigest.map { .string($0.hex) } ?? .null,
      ],
      "conditions": .array(results.map(json)),
      "stored_in_generation": generation.map { .integer(Int64(clamping: $0)) } ?? .null,
    ]
  }

  private func json(_ result: SimilarityMeter.Result) -> JSON {
    let perplexity = measurement.perplexity(result)
    let adapter = measurement.adapters.first { $0.name == result.prompt }
    return [
      "prompt": result.prompt.map { .string($0) } ?? .null,
      "kind": .string(adapter?.shape.kind.rawValue ?? "none"),
      "tokens": JSON(result.promptTokens), "similarity": result.similarity.json,
      "ppl": .number(perplexity.value), "ppl_stderr": .number(perplexity.standardError),
      "scored_tokens": JSON(perplexity.scoredTokens),
    ]
  }
}
