import BundleFormat
import Bytes
import Checkpoints
import Prompts
import TestSupport
import Testing

/// Every key of PEFT's configuration classes (Golden/make_peft_keys.py) is implemented, without an
/// effect, or refused by name.
@Suite("Keys of PEFT") struct PEFTKeyTests {
  private static let folder = PEFTTests.golden
  private let model: ModelConfiguration

  init() throws { model = try Checkpoint.open(PEFTTests.model).configuration }

  private static let tables: [(kind: String, golden: String, keys: SettingsKeys)] = [
    ("PROMPT_TUNING", "prompt", PEFTKeys.prompt), ("PREFIX_TUNING", "prefix", PEFTKeys.prefix),
    ("LORA", "lora", PEFTKeys.lora),
  ]

  private func adapter(_ golden: String, _ changes: JSONObject) throws -> PEFTFolder {
    var folder = try PEFTFolder(reading: "\(Self.folder)/\(golden)")
    var settings = folder.configuration.object ?? [:]
    for (key, value) in changes { settings[key] = value }
    folder.configuration = .object(settings)
    return folder
  }

  /// The adapter's shape and values, or the failure.
  private func outcome(_ golden: String, _ changes: JSONObject) throws -> (StoredAdapter?, String) {
    let folder = try adapter(golden, changes)
    do {
      return (try StoredAdapter(folder, name: "p", for: model), "taken")
    } catch {
      return (nil, error.description)
    }
  }

  @Test func everyKeyIsClassified() throws {
    let peers = try JSON(reading: Self.folder + "/peft-keys.json")
    for (kind, golden, keys) in Self.tables {
      let names = try peers.required(kind, as: [JSON].self).compactMap(\.string)
      #expect(names.count > 10)
      #expect(keys.unknown(among: names) == [], "\(kind)")
      #expect(Set(keys.all).count == keys.all.count, "\(kind)")
      #expect(try adapter(golden, [:]).notes == [])
    }
  }

  @Test func unknownKeysAreNamedInANote() throws {
    let notes = try adapter("lora", ["new_variant": true]).notes
    let note = try #require(notes.first)
    #expect(note.contains("adapter_config.json") && note.contains("\"new_variant\""), "\(note)")
    #expect(note.contains("PEFT") && note.contains("LORA"), "\(note)")
  }

  @Test func refusedKeysAreNamed() throws {
    for (_, golden, keys) in Self.tables {
      for rule in keys.refused {
        let value: JSON =
          switch rule.neutral {
          case .off: true
          case .number, .oneOf: "other"
          case .nothing: ["x": 1]
          }
        let (adapter, finding) = try outcome(golden, [rule.key: value])
        #expect(adapter == nil && finding.contains("key \"\(rule.key)\": is "), "\(finding)")
        #expect(finding.contains(rule.reason), "\(finding)")
        #expect(try outcome(golden, [rule.key: .null]).1 == "taken", "\(rule.key)")
      }
    }
  }

  @Test(arguments: [
    "pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga", "OLoRA",
  ]) func initializationsThatChangeTheBaseAreRefused(_ name: String) throws {
    let (adapter, finding) = try outcome("lora", ["init_lora_weights": .string(name)])
    #expect(adapter == nil)
    for part in ["init_lora_weights", name, "base weights", "path_initial_model"] {
      #expect(finding.contains(part), "\(finding)")
    }
  }

  @Test func otherInitializationsAreTaken() throws {
    for value in [true, false, nil, "gaussian", "eva", "orthogonal", "mica"] as [JSON] {
      #expect(try outcome("lora", ["init_lora_weights": value]).1 == "taken", "\(value)")
    }
  }

  /// PEFT ignores the key for nn.Linear, which all layers here are.
  @Test func aTransposedStorageIsIgnored() throws {
    let plain = try #require(try outcome("lora", [:]).0)
    let other = try #require(try outcome("lora", ["fan_in_fan_out": true]).0)
    #expect(other.shape == plain.shape && other.values == plain.values)
  }

  /// Values of implemented keys that contradict the file's tensors or the model.
  @Test(
    arguments: [
      ("prompt", "num_virtual_tokens", 5, "is 5, but the number of the file's rows is 4"),
      ("prompt", "token_dim", 41, "is 41, but the file's rows have a width of 40"),
      ("prefix", "num_virtual_tokens", 4, "is 4, but the number of the file's rows is 3"),
      ("prefix", "token_dim", 40, "is 40, but the model's keys have a width of 16"),
      ("prefix", "num_layers", 3, "is 3, but the number of the model's blocks is 2"),
      ("prefix", "num_attention_heads", 6, "the number of the model's key-value heads is 2"),
      ("lora", "target_modules", ["q_proj"], "leaves out model.layers.0.mlp.down_proj"),
      ("lora", "target_modules", nil, "leaves out model.layers.0.mlp.down_proj"),
      ("lora", "target_modules", [1], "expected a string or an array of strings"),
      ("lora", "exclude_modules", ["mlp.down_proj"], "leaves out model.layers.0.mlp.down_proj"),
      ("lora", "layers_to_transform", [1], "leaves out model.layers.0.self_attn.q_proj"),
      ("lora", "layers_to_transform", 0, "leaves out model.layers.1.self_attn.q_proj"),
      ("lora", "layers_to_transform", ["1"], "expected a number or an array of numbers"),
      ("lora", "rank_pattern", ["q_.*": 2], "\"q_.*\", which isn't supported"),
      ("lora", "alpha_pattern", ["q_proj": "2"], "expected numbers, found a string"),
      ("lora", "use_rslora", "yes", "expected true or false, found a string"),
    ] as [(String, String, JSON, String)])
  func contradictionsAreRefused(
    _ golden: String, _ key: String, _ value: JSON, _ finding: String
  ) throws {
    let (adapter, found) = try outcome(golden, [key: value])
    #expect(adapter == nil && found.contains("key \"\(key)\""), "\(found)")
    #expect(found.contains(finding), "\(found)")
  }

  @Test func layersPatternsNameTheListOfLayers() throws {
    let layers: JSONObject = ["layers_to_transform": [0, 1]]
    for pattern in ["layers", ["h", "layers"], nil, []] as [JSON] {
      var changes = layers
      changes["layers_pattern"] = pattern
      #expect(try outcome("lora", changes).1 == "taken", "\(pattern)")
    }
    let (adapter, finding) = try outcome(
      "lora", ["layers_to_transform": [0, 1], "layers_pattern": "h"])
    #expect(adapter == nil && finding.contains("layers_to_transform"), "\(finding)")
  }

  @Test func namesOfModulesMayBeWholeOrAPattern() throws {
    let whole = (0..<2).flatMap { ["model.layers.\($0).self_attn.q_proj", "mlp.down_proj"] }
    for targets in [JSON(whole), "all-linear", ".*(q|down)_proj"] {
      #expect(try outcome("lora", ["target_modules": targets]).1 == "taken", "\(targets)")
    }
  }

  @Test func rowsBeforeTheProjectionAreRefused() throws {
    var folder = try adapter("prefix", ["prefix_projection": true])
    folder.tensors["prompt_embeddings"] = ([3, 16], [Float](repeating: 0.5, count: 48))
    #expect {
      _ = try StoredAdapter(folder, name: "p", for: model)
    } throws: {
      ($0 as? Failure)?.description.contains("prefix_projection") == true
    }
  }
}
