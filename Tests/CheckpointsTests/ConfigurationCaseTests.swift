import Bytes
import Checkpoints
import TestSupport
import Testing

/// Settings that transformers reads from several keys (Golden/make_configuration_golden.py): frequencies
/// of the rotary embedding and windows of the layers.
@Suite struct ConfigurationCaseTests {
  private func cases() throws -> (base: JSONObject, cases: [JSON]) {
    let golden = try Golden.json("configuration-cases.json")
    let cases = try golden.required("cases", as: [JSON].self)
    return (try golden.required("base", as: JSONObject.self), cases)
  }

  private func configuration(
    _ base: JSONObject, _ changes: JSONObject
  ) throws(Failure) -> ModelConfiguration {
    var settings = base
    for (key, value) in changes { settings[key] = value }
    return try ModelConfiguration(huggingFace: .object(settings), file: "config.json")
  }

  @Test func keysThatDisagreeAreReadAsInTransformers() throws {
    let (base, cases) = try cases()
    #expect(cases.count > 20)
    for golden in cases {
      let name = golden["name"]?.string ?? ""
      let found = try configuration(base, try golden.required("config", as: JSONObject.self))
      let frequencies = found.inverseFrequencies()
      let expected = try golden.required("inverse_frequencies", as: [JSON].self)
        .compactMap(\.double)
      #expect(frequencies.count == expected.count && expected.count == 4, "\(name)")
      for (value, wanted) in zip(frequencies, expected) {
        // Golden data, rounded by two programs; see GoldenModelTests.
        #expect(abs(Double(value) - wanted) <= Rounding.gamma(16) * wanted, "\(name)")
      }
      let windows = Set(try golden.required("windows", as: [JSON].self).compactMap(\.int))
      #expect(windows.count <= 1 && found.slidingWindow == windows.first, "\(name)")
      #expect(try ModelConfiguration(canonical: found.canonical) == found, "\(name)")
    }
  }

  @Test(
    arguments: [
      (
        "llama", ["layer_types": ["full_attention"]],
        "has 1 entries, but num_hidden_layers is 4"
      ),
      (
        "llama", ["layer_types": ["linear_attention", "full_attention", "conv", "moe"]],
        "names \"linear_attention\"; full_attention and sliding_attention are supported"
      ),
      (
        "llama",
        [
          "layer_types": [
            "full_attention", "sliding_attention", "full_attention", "full_attention",
          ]
        ], "names layers with sliding attention, but models of this class have none"
      ),
      (
        "qwen2",
        [
          "sliding_window": 16,
          "layer_types": [
            "full_attention", "sliding_attention", "full_attention", "full_attention",
          ],
        ], "names layers with sliding attention, but use_sliding_window is absent"
      ),
      (
        "qwen3",
        [
          "use_sliding_window": true, "sliding_window": nil,
          "layer_types": [
            "full_attention", "sliding_attention", "full_attention", "full_attention",
          ],
        ], "names layers with sliding attention, but sliding_window is null"
      ),
      (
        "mistral",
        [
          "sliding_window": 16,
          "layer_types": [
            "full_attention", "sliding_attention", "full_attention", "full_attention",
          ],
        ], "names layers with full attention, but sliding_window is 16"
      ),
      ("qwen2", ["layer_types": "full_attention"], "expected an array, found a string"),
    ] as [(String, JSONObject, String)])
  func layerTypesThatContradictAreRefused(
    _ family: String, _ changes: JSONObject, _ finding: String
  ) throws {
    let (base, _) = try cases()
    var changes = changes
    changes["model_type"] = .string(family)
    expectFailure(.invalidData, "config.json: key \"layer_types\"", finding) {
      _ = try configuration(base, changes)
    }
  }

  @Test func dynamicScalingNeedsItsFactor() throws {
    let (base, _) = try cases()
    expectFailure(.invalidData, "key \"factor\": is missing") {
      _ = try configuration(
        base, ["model_type": "llama", "rope_scaling": ["rope_type": "dynamic"]])
    }
    expectFailure(.invalidData, "factor of -1.0") {
      _ = try configuration(
        base, ["model_type": "llama", "rope_scaling": ["rope_type": "dynamic", "factor": -1]])
    }
  }
}
