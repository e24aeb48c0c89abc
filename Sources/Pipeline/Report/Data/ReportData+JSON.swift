import Bytes

/// The numbers of a report as JSON: what the page's script reads, and what other programs may.
extension ReportData {
  package var json: JSON {
    [
      "report": 1, "program": .string(programVersion),
      "protocols": .array(protocols.all.map(\.json)), "inputs": .array(bundles.map(\.json)),
      "axes": .array(axes.map(\.json)),
    ]
  }
}

extension ReportProtocol {
  var json: JSON {
    [
      "kind": .string(kind.rawValue), "protocol": .string(id), "text": .string(text),
      "text_sha256": textDigest.json, "tokenizer_sha256": tokenizer.json,
      "windows": windows.json, "scored": scored.json, "available": available.json,
      "arithmetic": arithmetic.map { .string($0) } ?? .null,
    ]
  }
}

extension ReportAxis {
  var json: JSON {
    [
      "key": .string(key), "label": .string(label), "unit": .string(unit.rawValue),
      "higher_is_better": .bool(higherIsBetter), "protocol": `protocol`.json,
      "values": .array(values.map { [$0.plain.json, $0.prompted.json] }),
    ]
  }
}

extension ReportBundle {
  var json: JSON {
    [
      "name": .string(name), "digest": .string(digest.hex), "weights": .string(weights.hex),
      "base_model": baseModel.json, "base_model_name": baseModelName.map { .string($0) } ?? .null,
      "file_bytes": JSON(fileBytes), "parameters": JSON(parameters),
      "bits_per_weight": .number(bitsPerWeight), "recipe": recipe,
      "perplexities": .array(scores.map(\.json)), "tasks": .array(tasks.map(\.json)),
      "prompts": .array(prompts.map(\.json)), "tensors": .array(layers.map(\.json)),
    ]
  }
}

extension ReportScore {
  var json: JSON {
    [
      "model": .string(subject.rawValue), "prompt": prompt.map { .string($0) } ?? .null,
      "rule": rule.map { .string($0) } ?? .null, "ppl": perplexity.json,
      "ratio_to_full": ratio?.json ?? .null, "divergence": divergence?.json ?? .null,
      "protocol": JSON(`protocol`), "other_weights": .bool(isOfOtherWeights),
    ]
  }
}

extension ReportDivergence {
  var json: JSON {
    [
      "kl_mean": mean.json, "kl_maximum": maximum.json,
      "kl_percentiles": .array(percentiles.map { [.number($0.percent), .number($0.value)] }),
      "same_top": sameTop?.json ?? .null, "delta_p_mean": meanDelta?.json ?? .null,
      "delta_p_rms": rmsDelta?.json ?? .null,
    ]
  }
}

extension ReportTask {
  var json: JSON {
    [
      "task": .string(name), "protocol": JSON(`protocol`),
      "results": .array(
        columns.map {
          [
            "model": .string($0.subject.rawValue), "prompt": $0.prompt.map { .string($0) } ?? .null,
            "metrics": $0.metricsJSON, "mcnemar_p": $0.mcNemar.json,
          ]
        }),
      "flips": .array(
        flips.map {
          [
            "direction": .string($0.direction.rawValue), "model": .string($0.subject.rawValue),
            "row": JSON($0.row), "question": .string($0.question), "choices": JSON($0.choices),
            "gold": $0.gold.json, "full": $0.before?.json ?? .null,
            "answer": $0.after?.json ?? .null,
          ]
        }),
    ]
  }
}

extension ReportTask.Column {
  fileprivate var metricsJSON: JSON {
    var object = JSONObject()
    for metric in metrics { object[metric.name] = metric.value.json }
    return .object(object)
  }
}

extension ReportTask.Answer {
  fileprivate var json: JSON {
    switch self {
    case .choice(let index): JSON(index)
    case .text(let text): .string(text)
    }
  }
}

extension ReportPrompt {
  var json: JSON {
    let points = curve?.points.map { [JSON($0.step), .number($0.perplexity)] as JSON } ?? []
    return [
      "name": .string(name), "label": .string(label), "digest": .string(digest.hex),
      "parameters": JSON(parameters), "objective": .string(objective),
      "curve": .array(points),
      "validations": .array(
        validations.map {
          [
            "weights": .string($0.weights.hex), "ppl_without": .number($0.without),
            "ppl_with": .number($0.with), "protocol": JSON($0.protocol),
          ]
        }),
    ]
  }
}

extension ReportLayer {
  var json: JSON {
    [
      "name": .string(tensor), "shape": JSON(shape), "bits": JSON(bits),
      "bits_per_weight": .number(bitsPerWeight), "sparsity": .number(sparsity),
      "output_error": error.json, "stored_bytes": JSON(storedBytes),
    ]
  }
}

extension ReportValue {
  /// The number and its standard error; null where that isn't known.
  var json: JSON { ["value": .number(value), "stderr": error.json] }
}

extension Int? {
  fileprivate var json: JSON { map { JSON($0) } ?? .null }
}

extension Double? {
  fileprivate var json: JSON { map { .number($0) } ?? .null }
}

extension SHA256Digest? {
  fileprivate var json: JSON { map { .string($0.hex) } ?? .null }
}
