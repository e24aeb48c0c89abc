import BundleFormat
import Bytes
import Checkpoints
import Models

extension StoredAdapter {
  /// An adapter that PEFT saved, for a model with configuration `c`: a soft prompt, a prefix or
  /// low-rank updates. The weights that it was trained on are unknown, so it is unvalidated.
  ///
  /// - Throws: `invalidData` naming what is wrong or can't be imported, `usage` if the adapter is
  ///   for another model.
  package init(
    _ folder: PEFTFolder, name: String, for c: ModelConfiguration
  ) throws(Failure) {
    let reader = PEFTReader(folder: folder, model: c)
    let (shape, values) = try reader.read()
    self.init(
      name: name, shape: shape, values: values,
      binding: Binding(baseModel: nil, tokenizer: nil, weights: nil), objective: "unknown",
      training: ["source": "peft", "configuration": folder.configuration], unvalidated: true)
    // Refuse a shape that the model can't have here, not at its first use.
    _ = try Adapter(self, for: c)
  }
}

/// A reader of the shape and the values of a PEFT adapter.
private struct PEFTReader {
  let folder: PEFTFolder
  let model: ModelConfiguration

  private var file: String { folder.path + "/" + PEFTFolder.configurationFile }

  private func wrong(_ key: String, _ finding: String, _ advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "key \"\(key)\"", finding, advice: advice)
  }

  func read() throws(Failure) -> (AdapterShape, [Float]) {
    let kind = try folder.configuration.required("peft_type", as: String.self, file: file)
    switch kind {
    case "PROMPT_TUNING": return try prompt()
    case "PREFIX_TUNING": return try prefix()
    case "LORA": return try lowRank()
    default:
      throw wrong(
        "peft_type", "is \(kind)", "PROMPT_TUNING, PREFIX_TUNING and LORA can be imported")
    }
  }

  /// The only tensor of a prompt or a prefix, [n, width].
  private func rows() throws(Failure) -> (tokens: Int, width: Int, values: [Float]) {
    let found = folder.tensors[PEFTNames.rows]
    guard let found, found.shape.count == 2, folder.tensors.count == 1 else {
      throw Failure(
        .invalidData, file: folder.weightsPath,
        "holds \(folder.tensors.keys.sorted().prefix(3).joined(separator: ", ")), not"
          + " \(PEFTNames.rows) [n, width] alone",
        advice: "a prompt with an encoder can't be imported: save the prompt without it")
    }
    return (found.shape[0], found.shape[1], found.values)
  }

  private func prompt() throws(Failure) -> (AdapterShape, [Float]) {
    let (tokens, width, values) = try rows()
    return (.embeddings(tokens: tokens, width: width, ids: nil), values)
  }

  private func prefix() throws(Failure) -> (AdapterShape, [Float]) {
    if folder.configuration["prefix_projection"]?.bool == true {
      throw wrong("prefix_projection", "is true", "save the prefix itself, without its projection")
    }
    let (tokens, columns, values) = try rows()
    let width = model.kvHeads * model.headDim
    guard columns == 2 * model.layers * width else {
      throw Failure(
        .usage, file: folder.path,
        "its rows are \(columns) wide, the model's keys and values of all blocks"
          + " \(2 * model.layers * width)", advice: "a prefix fits only models of its own shape")
    }
    return (
      .prefix(tokens: tokens, layers: model.layers, width: width),
      PEFTNames.swapped(values, outer: tokens, inner: 2 * model.layers, width: width)
    )
  }

  /// Checks that no setting changes the meaning of the two factors.
  private func checkPlain() throws(Failure) {
    let settings = folder.configuration
    for key in ["use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"] {
      if settings[key]?.bool == true { throw wrong(key, "is true, which can't be imported") }
    }
    if let bias = settings["bias"]?.string, bias != "none" {
      throw wrong("bias", "is \(bias), but biases can't be imported")
    }
    for key in ["rank_pattern", "alpha_pattern"] {
      if settings[key]?.object?.isEmpty == false {
        throw wrong(key, "has values for single layers, which can't be imported")
      }
    }
  }

  private func lowRank() throws(Failure) -> (AdapterShape, [Float]) {
    try checkPlain()
    let rank = try folder.configuration.required("r", as: Int.self, file: file)
    var alpha = try folder.configuration.required("lora_alpha", as: Double.self, file: file)
    // rsLoRA scales by alpha/√r instead of alpha/r.
    if folder.configuration["use_rslora"]?.bool == true { alpha *= Double(rank).squareRoot() }
    var targets: [LowRankTarget] = []
    var (values, taken) = ([Float](), 0)
    for place in model.lowRankTargets(model.linears) {
      let module = PEFTNames.root + PEFTNames.module(place.tensor)
      guard let a = folder.tensors[module + PEFTNames.a],
        let b = folder.tensors[module + PEFTNames.b]
      else { continue }
      guard a.shape == [rank, place.inputs], b.shape == [place.outputs, rank] else {
        throw Failure(
          .usage, file: folder.path, at: place.tensor,
          "its factors are \(a.shape) and \(b.shape); rank \(rank) and the model's"
            + " \(place.outputs) × \(place.inputs) weights need others",
          advice: "low-rank updates fit only models of their own shape")
      }
      targets.append(place)
      values += a.values + b.values
      taken += 2
    }
    guard taken == folder.tensors.count, taken > 0 else {
      let known = Set(
        targets.flatMap { target in
          [PEFTNames.a, PEFTNames.b].map {
            PEFTNames.root + PEFTNames.module(target.tensor) + $0
          }
        })
      let unknown = folder.tensors.keys.filter { !known.contains($0) }.sorted()
      throw Failure(
        .invalidData, file: folder.weightsPath,
        unknown.isEmpty
          ? "holds no low-rank updates" : "holds \(unknown[0]), which the model has no place for",
        advice: "only the factors of linear layers in blocks can be imported")
    }
    return (.lowRank(LowRankShape(rank: rank, alpha: alpha, targets: targets)), values)
  }
}
