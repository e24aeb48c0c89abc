import Bytes
import Checkpoints
import Testing

/// GGUF files with a valid structure whose model is valid or differs from a valid one in one place.
@Suite struct GGUFModelTests {
  /// Opens a model of width 4 with one layer; `edit` can add metadata, and `skip`, `reshape` and
  /// `extra` change the tensors.
  private func open(
    architecture: String = "llama", skip: String? = nil, reshape: String? = nil,
    extra: (name: String, sizes: [UInt64])? = nil, without key: String? = nil,
    _ edit: (inout GGUFBuilder) -> Void = { _ in }
  ) throws(Failure) -> GGUFCheckpoint {
    var builder = GGUFBuilder()
    if !architecture.isEmpty { builder.value("general.architecture", architecture) }
    let counts: [(String, UInt32)] = [
      ("block_count", 1), ("context_length", 16), ("embedding_length", 4),
      ("feed_forward_length", 6), ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ]
    for (name, value) in counts where name != key {
      builder.value("\(architecture).\(name)", value)
    }
    builder.value("\(architecture).attention.layer_norm_rms_epsilon", 1e-5 as Float)
    edit(&builder)
    var tensors: [(String, [UInt64])] = [
      ("token_embd.weight", [4, 9]), ("output_norm.weight", [4]), ("blk.0.attn_norm.weight", [4]),
      ("blk.0.ffn_norm.weight", [4]), ("blk.0.attn_q.weight", [4, 4]),
      ("blk.0.attn_k.weight", [4, 2]), ("blk.0.attn_v.weight", [4, 2]),
      ("blk.0.attn_output.weight", [4, 4]), ("blk.0.ffn_gate.weight", [4, 6]),
      ("blk.0.ffn_up.weight", [4, 6]), ("blk.0.ffn_down.weight", [6, 4]),
    ]
    if let extra { tensors.append((extra.name, extra.sizes)) }
    var offset: UInt64 = 0
    for (name, sizes) in tensors where name != skip {
      let sizes = name == reshape ? [sizes[0], sizes[1] + 1] : sizes
      builder.tensor(name, sizes, offset: offset)
      offset += (sizes.reduce(4, *) + 31) / 32 * 32
    }
    builder.data = [UInt8](repeating: 0, count: Int(offset))
    return try GGUFCheckpoint(file: try GGUFFile(bytes: builder.file, path: "model.gguf"))
  }

  @Test func acceptsTheValidModel() throws {
    let model = try open()
    #expect(model.configuration.headDim == 2 && model.configuration.kvHeads == 1)
    #expect(model.configuration.vocabularySize == 9 && model.configuration.tiedEmbeddings)
    guard case .none = model.tokenizer else {
      Issue.record("the model has an unexpected tokenizer")
      return
    }
  }

  @Test func missingTensorsAreNamed() {
    expectFailure(.invalidData, "model.gguf: tensor \"blk.0.ffn_up.weight\": is missing", "[6, 4]")
    {
      _ = try open(skip: "blk.0.ffn_up.weight")
    }
    expectFailure(.invalidData, "tensor \"token_embd.weight\"", "missing") {
      _ = try open(skip: "token_embd.weight")
    }
  }

  @Test func misshapedTensorsAreNamed() {
    expectFailure(
      .invalidData, "tensor \"blk.0.ffn_down.weight\": has shape [5, 6]", "requires [4, 6]"
    ) {
      _ = try open(reshape: "blk.0.ffn_down.weight")
    }
  }

  @Test func extraTensorsAreNamed() {
    expectFailure(.invalidData, "tensor \"blk.0.attn_output.bias\": isn't part") {
      _ = try open(extra: ("blk.0.attn_output.bias", [4]))
    }
    expectFailure(.invalidData, "tensor \"blk.1.attn_q.weight\": isn't part") {
      _ = try open(extra: ("blk.1.attn_q.weight", [4, 4]))
    }
  }

  @Test func frequencyDivisorsMustFit() throws {
    expectFailure(.invalidData, "rope_freqs.weight", "expected F32 and [1]") {
      _ = try open(extra: ("rope_freqs.weight", [2]))
    }
    expectFailure(.invalidData, "divisor that isn't positive") {
      _ = try open(extra: ("rope_freqs.weight", [1]))
    }
  }

  @Test func otherArchitecturesAreRefused() {
    expectFailure(.invalidData, "general.architecture", "\"phi3\" isn't known", "Qwen2") {
      _ = try open(architecture: "phi3")
    }
    expectFailure(.invalidData, "general.architecture", "is missing") {
      _ = try open(architecture: "")
    }
  }

  @Test(arguments: ["block_count", "context_length", "embedding_length", "attention.head_count"])
  func missingKeysAreNamed(_ key: String) {
    expectFailure(.invalidData, "llama.\(key)", "is missing") { _ = try open(without: key) }
  }

  @Test(
    arguments: [
      ("llama.expert_count", 8, "is 8; a mixture of experts"),
      ("llama.attention.key_length", 0, "expected 2 to"),
      ("llama.attention.value_length", 4, "must be equal"),
      ("llama.rope.dimension_count", 4, "must be equal"),
      ("tokenizer.ggml.bos_token_id", 9, "outside the vocabulary of 9"),
      ("tokenizer.ggml.eos_token_id", 4_000_000_000, "outside the vocabulary"),
    ] as [(String, UInt32, String)])
  func invalidValuesAreNamed(_ key: String, _ value: UInt32, _ finding: String) {
    expectFailure(.invalidData, "model.gguf", key, finding) {
      _ = try open { $0.value(key, value) }
    }
  }

  @Test func scalingsAreReadAsLlamaCppDoes() throws {
    let linear = try open { $0.value("llama.rope.scaling.factor", 4 as Float) }
    #expect(linear.configuration.ropeScaling == .linear(factor: 4))
    let older = try open { $0.value("llama.rope.scale_linear", 2 as Float) }
    #expect(older.configuration.ropeScaling == .linear(factor: 2))
    let none = try open {
      $0.value("llama.rope.scaling.type", "none")
      $0.value("llama.rope.scaling.factor", 4 as Float)
    }
    #expect(none.configuration.ropeScaling == .none)
    expectFailure(.invalidData, "llama.rope.scaling.type", "\"yarn\"") {
      _ = try open { $0.value("llama.rope.scaling.type", "yarn") }
    }
  }

  /// Every refused key with a value of another kind than its neutral one.
  @Test func refusedKeysAreNamed() throws {
    let tables: [(keys: SettingsKeys, prefix: String)] = [
      (GGUFModelKeys.architecture, "llama."), (GGUFModelKeys.file, ""),
    ]
    for (keys, prefix) in tables {
      #expect(!keys.refused.isEmpty)
      for rule in keys.refused {
        let key = prefix + rule.key
        expectFailure(.invalidData, "model.gguf: key \"\(key)\": is ", rule.reason) {
          _ = try open {
            if case .off = rule.neutral {
              $0.value(key, type: 7, [1])
            } else {
              $0.value(key, UInt32(7))
            }
          }
        }
      }
    }
  }

  @Test func neutralAndIrrelevantKeysAreAccepted() throws {
    let model = try open {
      $0.value("general.type", "model")
      $0.value("llama.expert_count", UInt32(0))
      $0.value("llama.attention.causal", type: 7, [1])
      $0.value("llama.logit_scale", 1 as Float)
      $0.value("llama.rope.scaling.attn_factor", 1 as Float)
      $0.value("llama.rope.scaling.original_context_length", UInt32(4))
      $0.value("llama.vocab_size", UInt32(9))
    }
    #expect(model.configuration == (try open().configuration) && model.notes.isEmpty)
  }

  @Test func unknownKeysAreNamedInANote() throws {
    let notes = try open {
      $0.value("llama.attention.sinks", UInt32(4))
      $0.value("quantize.imatrix.file", "x")
    }.notes
    #expect(notes.count == 1 && notes.first?.contains("\"attention.sinks\"") == true, "\(notes)")
    #expect(notes.first?.contains("imatrix") == false)
  }

  @Test func keysOfTheWrongTypeAreNamed() {
    expectFailure(.invalidData, "llama.rope.freq_base", "expected a number, found a string") {
      _ = try open { $0.value("llama.rope.freq_base", "10000") }
    }
    expectFailure(.invalidData, "llama.attention.sliding_window", "expected an integer") {
      _ = try open { $0.value("llama.attention.sliding_window", 4 as Float) }
    }
  }

  @Test func vocabulariesMustFit() {
    func strings(_ count: Int) -> [UInt8] {
      GGUFBuilder.bytes(8 as UInt32) + GGUFBuilder.bytes(UInt64(count))
        + (0..<count).flatMap { GGUFBuilder.string("\($0)") }
    }
    let floats = GGUFBuilder.bytes(6 as UInt32) + GGUFBuilder.bytes(1 as UInt64) + [0, 0, 0, 0]
    expectFailure(.invalidData, "tokenizer.ggml.tokens", "is missing") {
      _ = try open { $0.value("tokenizer.ggml.model", "gpt2") }
    }
    expectFailure(.invalidData, "tokenizer.ggml.tokens", "10 tokens for an embedding of 9") {
      _ = try open {
        $0.value("tokenizer.ggml.model", "gpt2")
        $0.value("tokenizer.ggml.tokens", type: 9, strings(10))
      }
    }
    expectFailure(.invalidData, "tokenizer.ggml.scores", "1 values for 9 tokens") {
      _ = try open {
        $0.value("tokenizer.ggml.model", "llama")
        $0.value("tokenizer.ggml.tokens", type: 9, strings(9))
        $0.value("tokenizer.ggml.scores", type: 9, floats)
      }
    }
    expectFailure(.invalidData, "tokenizer.ggml.merges", "array of strings") {
      _ = try open {
        $0.value("tokenizer.ggml.model", "gpt2")
        $0.value("tokenizer.ggml.tokens", type: 9, strings(9))
        $0.value("tokenizer.ggml.merges", type: 9, floats)
      }
    }
  }
}
