import Bytes

/// The name and shape of a tensor that a configuration requires.
package struct ModelTensor: Equatable {
  package let name: String
  /// Outermost dimension first.
  package let shape: [Int]
}

extension ModelConfiguration {
  /// All tensors of the model in the order of the computation, except that a block's norms always
  /// precede the layers they belong to.
  package func modelTensors() -> [ModelTensor] {
    var tensors: [ModelTensor] = []
    func add(_ name: String, _ shape: [Int]) {
      tensors.append(ModelTensor(name: name, shape: shape))
    }
    func addNorm(_ key: String) {
      if design.norm != .layer(hasWeights: false) { add(key + ".weight", [hiddenSize]) }
      if design.norm == .layer(hasWeights: true) { add(key + ".bias", [hiddenSize]) }
    }
    func addLinears(_ names: [LinearName], _ block: Int) {
      for name in names where linears.contains(name) {
        let (rows, columns) = shape(of: name)
        add(keys.weight(of: name, block: block), [rows, columns])
        if hasBias(name) { add(keys.bias(of: name, block: block), [rows]) }
      }
    }
    let isProjected = embeddingSize != hiddenSize
    add(keys.embedding, [vocabularySize, embeddingSize])
    if isProjected { add(keys.inputProjection, [hiddenSize, embeddingSize]) }
    if let positionRows { add(keys.positions, [positionRows, hiddenSize]) }
    for block in 0..<layers {
      addNorm(keys.attentionNorm(block: block))
      if design.hasHeadNorms {
        add(keys.queryNorm(block: block) + ".weight", [headDim])
        add(keys.keyNorm(block: block) + ".weight", [headDim])
      }
      addLinears([.q, .k, .v, .o], block)
      addNorm(keys.feedForwardNorm(block: block))
      addLinears([.gate, .up, .down], block)
    }
    if design.hasFinalNorm { addNorm(keys.lastNorm) }
    if isProjected { add(keys.outputProjection, [embeddingSize, hiddenSize]) }
    if !tiedEmbeddings { add(keys.head, [vocabularySize, embeddingSize]) }
    return tensors
  }

  /// Checks that a checkpoint contains exactly the tensors that the configuration requires.
  ///
  /// - Parameters:
  ///   - found: The shapes of the checkpoint's tensors, by the checkpoint's names.
  ///   - foundName: Maps a model tensor's name to the checkpoint's name.
  ///   - isIgnored: Whether a tensor, by the checkpoint's name, may be present without being used.
  /// - Throws: `invalidData` naming the first tensor that is missing, misshapen or superfluous.
  func checkInventory(
    found: [String: [Int]], file: String, foundName: (String) -> String = { $0 },
    isIgnored: (String) -> Bool
  ) throws(Failure) {
    var expected: Set<String> = []
    for tensor in modelTensors() {
      let name = foundName(tensor.name)
      guard let shape = found[name] else {
        throw Failure(
          .invalidData, file: file, at: "tensor \(name.quoted)",
          "is missing; the configuration requires it with shape \(tensor.shape)")
      }
      guard shape == tensor.shape else {
        throw Failure(
          .invalidData, file: file, at: "tensor \(name.quoted)",
          "has shape \(shape); the configuration requires \(tensor.shape)")
      }
      expected.insert(name)
    }
    let extra = found.keys.filter { !expected.contains($0) && !isIgnored($0) }
    if let first = extra.min() {
      throw Failure(
        .invalidData, file: file, at: "tensor \(first.quoted)",
        "isn't part of the model that the configuration describes"
          + (extra.count > 1 ? " (and \(extra.count - 1) more)" : ""))
    }
  }
}

extension String {
  /// The text in quotation marks, for messages: cut at 80 characters, with control characters
  /// replaced by "?".
  var quoted: String {
    let shown = unicodeScalars.prefix(80).map {
      $0.properties.generalCategory == .control ? "?" : $0
    }
    let text = String(String.UnicodeScalarView(shown))
    return unicodeScalars.count > 80 ? "\"\(text)…\"" : "\"\(text)\""
  }
}
