import Bytes

/// A tensor that a model of some configuration must have.
package struct ModelTensor: Equatable {
  package let name: String
  /// Outermost dimension first.
  package let shape: [Int]
}

extension ModelConfiguration {
  /// Every tensor of the model with its shape, in the order of the computation (a block's norms
  /// always in front of what they belong to).
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

  /// Compares what the configuration asks for with what a checkpoint holds.
  ///
  /// - Parameters:
  ///   - found: the shape of every tensor there is, by the names the checkpoint uses.
  ///   - foundName: the checkpoint's name of a model tensor.
  ///   - isIgnored: tensors that may be there without being used.
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
          "is missing; the configuration asks for it with shape \(tensor.shape)")
      }
      guard shape == tensor.shape else {
        throw Failure(
          .invalidData, file: file, at: "tensor \(name.quoted)",
          "has shape \(shape); the configuration asks for \(tensor.shape)")
      }
      expected.insert(name)
    }
    let extra = found.keys.filter { !expected.contains($0) && !isIgnored($0) }
    if let first = extra.min() {
      throw Failure(
        .invalidData, file: file, at: "tensor \(first.quoted)",
        "has no place in the model that the configuration describes"
          + (extra.count > 1 ? " (and \(extra.count - 1) more)" : ""))
    }
  }
}

extension String {
  /// The text between quotation marks, for sentences: cut at 80 characters, control characters
  /// shown as "?".
  var quoted: String {
    let shown = unicodeScalars.prefix(80).map {
      $0.properties.generalCategory == .control ? "?" : $0
    }
    let text = String(String.UnicodeScalarView(shown))
    return unicodeScalars.count > 80 ? "\"\(text)…\"" : "\"\(text)\""
  }
}
