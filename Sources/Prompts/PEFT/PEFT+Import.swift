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
struct PEFTReader {
  let folder: PEFTFolder
  let model: ModelConfiguration

  var file: String { folder.path + "/" + PEFTFolder.configurationFile }

  func wrong(_ key: String, _ finding: String, _ advice: String? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "key \"\(key)\"", finding, advice: advice)
  }

  func read() throws(Failure) -> (AdapterShape, [Float]) {
    let kind = try folder.configuration.required("peft_type", as: String.self, file: file)
    if let found = PEFTKeys.of(kind)?.finding({ folder.configuration[$0] }) {
      throw wrong(found.key, found.finding, found.advice)
    }
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
    try check("num_virtual_tokens", is: tokens, "the number of the file's rows is")
    try check("token_dim", is: width, "the file's rows have a width of")
    return (.embeddings(tokens: tokens, width: width, ids: nil), values)
  }

  private func prefix() throws(Failure) -> (AdapterShape, [Float]) {
    let (tokens, columns, values) = try rows()
    let width = model.kvHeads * model.headDim
    guard columns == 2 * model.layers * width else {
      let token = folder.configuration["token_dim"]?.int
      if folder.configuration["prefix_projection"]?.bool == true, columns == token {
        throw wrong(
          "prefix_projection", "is true, and the file holds the rows before the projection",
          "save the prefix with PEFT's save_pretrained, which applies the projection")
      }
      throw Failure(
        .usage, file: folder.path,
        "its rows are \(columns) wide, the model's keys and values of all blocks"
          + " \(2 * model.layers * width)", advice: "a prefix fits only models of its own shape")
    }
    try check("num_virtual_tokens", is: tokens, "the number of the file's rows is")
    try check("num_layers", is: model.layers, "the number of the model's blocks is")
    try check("token_dim", is: width, "the model's keys have a width of")
    try check(
      "num_attention_heads", is: model.kvHeads, "the number of the model's key-value heads is")
    return (
      .prefix(tokens: tokens, layers: model.layers, width: width),
      PEFTNames.swapped(values, outer: tokens, inner: 2 * model.layers, width: width)
    )
  }

  /// Refuses a number of the configuration that contradicts the file or the model.
  private func check(_ key: String, is found: Int, _ what: String) throws(Failure) {
    guard let value = folder.configuration[key], !value.isNull, value.int != found else { return }
    throw wrong(key, "is \(value.excerpt), but \(what) \(found)")
  }
}
