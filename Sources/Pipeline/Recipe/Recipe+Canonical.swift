import Bytes
import Numerics

extension Recipe {
  /// Every text that a build reads, by what it is used for.
  var texts: [(role: String, path: String)] {
    [(role: "calibration", path: calibration.text)] + (prompt?.texts ?? [])
      + evaluations.map { ("evaluation \($0.name)", $0.text) }
  }

  /// The recipe with every default filled in and with base names and digests in the place of paths,
  /// so that it says what was done and nothing about the machine. This is what goes into the
  /// bundle.
  func canonical(files: [String: [(name: String, digest: SHA256Digest)]]) -> JSON {
    var sources = JSONObject()
    for (role, list) in files.sorted(by: { $0.key < $1.key }) {
      sources[role] = .array(
        list.map { ["name": .string($0.name), "sha256": .string($0.digest.hex)] })
    }
    var object: JSONObject = [
      "name": .string(name), "model": .string(modelName),
      "calibration": calibration.json, "compression": compression.json,
      "prompt": prompt.map { recipe in
        var object = recipe.json.object ?? [:]
        object["key_values"] = .bool(recipe.keyValues)
        return .object(object)
      } ?? .null,
      "evaluation": .array(evaluations.map(\.json)), "gate": gate.json,
      "package": ["storage": .string(packaging.storage.rawValue)],
    ]
    if !sources.isEmpty { object["files"] = .object(sources) }
    return .object(object)
  }
}

extension PromptRecipe {
  /// The texts that the prompt is learned from and chosen by; none where nothing is learned.
  var texts: [(role: String, path: String)] {
    kind == .hard ? [] : [(role: "training", path: text), ("validation", validation.text)]
  }
}

extension CalibrationRecipe {
  var json: JSON {
    [
      "windows": JSON(windows), "length": JSON(length), "selection": .string(selection.rawValue),
      "seed": JSON(seed),
    ]
  }
}

extension CompressionRecipe {
  var json: JSON {
    var object = settings.canonical.object ?? [:]
    object["arithmetic"] = .string(arithmetic.available.rawValue)
    if let targetBits { object["target_bits_per_weight"] = .number(targetBits) }
    if !failOn.isEmpty { object["fail_on"] = .array(failOn.map { .string($0) }) }
    return .object(object)
  }
}

extension EvaluationRecipe {
  var json: JSON {
    [
      "name": .string(name), "protocol": .string(protocolID),
      "seqlen": length.map { JSON($0) } ?? .null, "windows": windows.map { JSON($0) } ?? .null,
      "arithmetic": .string(arithmetic.available.rawValue),
    ]
  }
}
