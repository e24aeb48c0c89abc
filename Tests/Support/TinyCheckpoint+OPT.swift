import Bytes

extension TinyCheckpoint {
  private var embedding: Int { family == .opt350M ? hidden - 8 : hidden }

  var optConfiguration: JSON {
    [
      "architectures": ["OPTForCausalLM"], "model_type": "opt", "activation_function": "relu",
      "vocab_size": JSON(vocabularySize), "hidden_size": JSON(hidden),
      "word_embed_proj_dim": JSON(embedding), "ffn_dim": JSON(intermediate),
      "num_hidden_layers": JSON(layers), "num_attention_heads": JSON(heads),
      "do_layer_norm_before": .bool(family == .opt), "max_position_embeddings": 128,
      "tie_word_embeddings": true, "bos_token_id": 0, "eos_token_id": 0,
    ]
  }

  var optTensors: [Drawn] {
    let root = "model.decoder."
    var tensors = [
      Drawn(root + "embed_tokens.weight", [vocabularySize, embedding], 1),
      Drawn(root + "embed_positions.weight", [128 + 2, hidden], 0.2),
    ]
    func addNorm(_ name: String) {
      tensors.append(Drawn(name + ".weight", [hidden], 0.1, offset: 1))
      tensors.append(Drawn(name + ".bias", [hidden], 0.1))
    }
    func addLinear(_ name: String, _ rows: Int, _ columns: Int) {
      tensors.append(Drawn(name + ".weight", [rows, columns], 0.3))
      tensors.append(Drawn(name + ".bias", [rows], 0.1))
    }
    if family == .opt350M {
      tensors.append(Drawn(root + "project_in.weight", [hidden, embedding], 0.3))
      tensors.append(Drawn(root + "project_out.weight", [embedding, hidden], 0.3))
    } else {
      addNorm(root + "final_layer_norm")
    }
    for layer in 0..<layers {
      let prefix = root + "layers.\(layer)."
      addNorm(prefix + "self_attn_layer_norm")
      for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        addLinear(prefix + "self_attn." + name, hidden, hidden)
      }
      addNorm(prefix + "final_layer_norm")
      addLinear(prefix + "fc1", intermediate, hidden)
      addLinear(prefix + "fc2", hidden, intermediate)
    }
    return tensors
  }
}
