import Bytes

/// A tensor that a model of some configuration must have.
package struct ModelTensor: Equatable {
  package let name: String
  /// Outermost dimension first.
  package let shape: [Int]
}

extension ModelConfiguration {
  /// Every tensor of the model with its shape, in the order of the computation.
  package func modelTensors() -> [ModelTensor] {
    let queries = heads * headDim
    let keys = kvHeads * headDim
    var tensors = [
      ModelTensor(name: "model.embed_tokens.weight", shape: [vocabularySize, hiddenSize])
    ]
    for layer in 0..<layers {
      func add(_ name: String, _ shape: [Int]) {
        tensors.append(ModelTensor(name: "model.layers.\(layer).\(name)", shape: shape))
      }
      add("input_layernorm.weight", [hiddenSize])
      for (name, rows) in [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)] {
        add("self_attn.\(name).weight", [rows, hiddenSize])
        if attentionBias { add("self_attn.\(name).bias", [rows]) }
      }
      add("self_attn.o_proj.weight", [hiddenSize, queries])
      add("post_attention_layernorm.weight", [hiddenSize])
      add("mlp.gate_proj.weight", [intermediateSize, hiddenSize])
      add("mlp.up_proj.weight", [intermediateSize, hiddenSize])
      add("mlp.down_proj.weight", [hiddenSize, intermediateSize])
    }
    tensors.append(ModelTensor(name: "model.norm.weight", shape: [hiddenSize]))
    if !tiedEmbeddings {
      tensors.append(ModelTensor(name: "lm_head.weight", shape: [vocabularySize, hiddenSize]))
    }
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
