import Bytes
import Checkpoints
import Foundation
import Models
import TestSupport
import Testing

/// Golden models with settings that, by transformers 5.23, leave their function as it is.
@Suite struct ConfigurationParityTests {
  /// The golden model `name` with changes of its config.json.
  private func model(_ name: String, _ changes: JSONObject) throws -> LanguageModel {
    let folder = try TemporaryFolder()
    let source = GoldenFile.folder + name
    var settings = try #require(try JSON(reading: source + "/config.json").object)
    for (key, value) in changes { settings[key] = value }
    try folder.write("config.json", JSON.object(settings).canonicalBytes)
    try FileManager.default.copyItem(
      atPath: source + "/model.safetensors", toPath: folder.file("model.safetensors"))
    return try LanguageModel(source: Checkpoint.open(folder.path))
  }

  @Test(
    arguments: [
      // A head of its own is used, whatever the setting says.
      ("opt-bare", ["tie_word_embeddings": true]),
      ("llama-odd", ["rope_scaling": ["type": "dynamic", "factor": 2]]),
      // A window that no layer has.
      ("qwen2", ["use_sliding_window": true, "sliding_window": 4]),
      ("qwen2", ["use_sliding_window": true, "sliding_window": 4, "max_window_layers": 0]),
      ("qwen3", ["use_sliding_window": true, "sliding_window": 4, "layer_types": nil]),
      ("mistral", ["layer_types": ["full_attention", "full_attention"]]),
      ("llama-odd", ["hidden_act": "swish", "rope_theta": 5]),
    ] as [(String, JSONObject)])
  func logits(_ name: String, _ changes: JSONObject) throws {
    try checkLogits(Golden(name), model(name, changes))
  }

  @Test func dynamicScalingLimitsTheContext() throws {
    let model = try model(
      "llama-odd",
      ["rope_scaling": ["type": "dynamic", "factor": 2], "max_position_embeddings": 36])
    #expect(model.configuration.positionLimit == 36)
    let ids = try Golden("llama-odd").ids[0]
    #expect(ids.count == 37)
    _ = try Scorer(model).logits(Array(ids.dropLast()))
    #expect {
      _ = try Scorer(model).logits(ids)
    } throws: {
      let failure = $0 as? Failure
      return failure?.kind == .usage && failure?.finding.contains("dynamic rope scaling") == true
    }
  }

  @Test func theShorterOfWindowAndContextIsTheLimit() throws {
    var configuration = try model("mistral", [:]).configuration
    #expect(configuration.positionLimit == nil)
    configuration.ropeScaling = .dynamic(factor: 2)
    #expect(configuration.positionLimit == configuration.maximumPositions)
    configuration.slidingWindow = 8
    #expect(configuration.positionLimit == 8)
    configuration.maximumPositions = 7
    #expect(configuration.positionLimit == 7)
  }
}
