import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// `generate` and `eval` on models with numbers that are NaN, infinite or too large: exit status 65
/// with tensor, or layer and position, and nothing on standard output.
@Suite(.serialized) struct NotFiniteUseTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }

  init() throws { shop = try Workshop() }

  static let generate = ["--prompt-text", "the tree", "--max-tokens", "4"]
  static let eval = ["--text", "test.txt", "--seqlen", "32", "--windows", "3"]
  /// All uses, without the model's path.
  static let uses: [[String]] = [
    ["eval"] + eval, ["eval"] + eval + ["--json", "--arithmetic", "bfloat16"],
    ["generate"] + generate, ["generate"] + generate + ["--json", "--temperature", "1"],
    ["generate"] + generate + ["--prompt-text", "rain", "--cache", "int8"],
  ]

  private func expectRefusal(
    _ use: [String], of model: String, _ words: [String],
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let result = try shop.ctpack.run([use[0], model] + use.dropFirst())
    #expect(result.status == 65, "\(use): \(result.errors)", sourceLocation: location)
    #expect(result.output.isEmpty, "\(use): \(result.output)", sourceLocation: location)
    for word in words {
      #expect(result.errors.contains(word), "\(use): \(result.errors)", sourceLocation: location)
    }
  }

  @Test(
    arguments: [
      (TinyCheckpoint.Family.llama, "model.layers.1.mlp.up_proj.weight", Float.nan),
      (.llama, "model.embed_tokens.weight", .nan), (.llama, "model.norm.weight", .infinity),
      (.opt, "model.decoder.layers.0.fc1.weight", .nan),
      (.opt350M, "model.decoder.layers.2.self_attn.k_proj.bias", -.infinity),
    ])
  func aDamagedTensorIsNamed(
    _ family: TinyCheckpoint.Family, _ name: String, _ damage: Float
  ) throws {
    var tiny = TinyCheckpoint()
    (tiny.family, tiny.damaged, tiny.damage) = (family, name, damage)
    try tiny.write(to: folder, "damaged")
    for use in Self.uses {
      try expectRefusal(
        use, of: "damaged", ["damaged: tensor \"\(name)\"", "value 5 is not a finite number"])
    }
  }

  /// A bundle whose scales have a NaN: the digests are right, so only use or an audit can tell.
  @Test func aDamagedTensorOfABundleIsNamed() throws {
    let run = try shop.ctpack("run", "small.yaml")
    #expect(run.status == 0, "\(run.errors)")
    let name = "model.layers.1.self_attn.v_proj.weight"
    let bundle = try ModelBundle(path: folder.file("small.ctpack"))
    var writer = BundleWriter(path: folder.file("bad.ctpack"))
    for descriptor in bundle.descriptors {
      let tensor = try #require(try bundle.tensor(named: descriptor.name))
      guard descriptor.name == name else {
        writer.addTensor(tensor)
        continue
      }
      var scales = try #require(tensor.scales).array
      scales.replaceSubrange(2..<4, with: [0, 0x7E])
      writer.addTensor(
        try .packed(
          name: name, shape: descriptor.shape, bits: descriptor.bits,
          groupSize: descriptor.groupSize, codes: try #require(tensor.codes),
          scales: ByteSlice(scales), zeros: tensor.zeros,
          scaleExponent: descriptor.scaleExponent))
    }
    writer.add(.document(.tokenizer, bytes: try bundle.tokenizer, layout: .json))
    writer.add(.document(.modelConfiguration, json: try bundle.configuration))
    try writer.finish()
    for use in Self.uses {
      try expectRefusal(
        use, of: "bad.ctpack", ["bad.ctpack: tensor \"\(name)\"", "is not a finite number"])
    }
  }

  /// Finite weights whose products are beyond float32.
  @Test func anOverflowIsPlaced() throws {
    var tiny = TinyCheckpoint()
    for part in ["up", "down"] { tiny.factors["model.layers.1.mlp.\(part)_proj.weight"] = 1e30 }
    try tiny.write(to: folder, "overflow")
    for use in Self.uses {
      let window = use[0] == "eval" ? "window 0, " : ""
      try expectRefusal(
        use, of: "overflow", ["overflow: \(window)layer 1, position 0", "weights are finite"])
    }
  }

  /// Values of about 10⁶ need a float32 cache. They are scaled by powers of two, which changes no
  /// other bit, so the model then gives the tokens of the unscaled one.
  @Test func aCacheSaysWhatItCannotHold() throws {
    var tiny = TinyCheckpoint()
    tiny.factors["model.layers.1.self_attn.v_proj.weight"] = 0x1p20
    tiny.factors["model.layers.1.self_attn.o_proj.weight"] = 0x1p-20
    try tiny.write(to: folder, "large")
    let generate = ["generate"] + Self.generate
    for use in [generate, generate + ["--json", "--temperature", "1"]] {
      try expectRefusal(
        use, of: "large",
        ["large: layer 1, position 0", "the value of head 0", "65504", "--cache float32"])
    }
    let wide = Self.generate + ["--json", "--cache", "float32"]
    let expected = try shop.ctpack.run(["generate", "model"] + wide)
    let found = try shop.ctpack.run(["generate", "large"] + wide)
    #expect(found.status == 0, "\(found.errors)")
    #expect(found.json["ids"]?.array?.isEmpty == false)
    #expect(found.json["ids"] == expected.json["ids"])
    // Values of about 10³ are large, but a float16 cache holds them.
    tiny.factors["model.layers.1.self_attn.v_proj.weight"] = 0x1p10
    tiny.factors["model.layers.1.self_attn.o_proj.weight"] = 0x1p-10
    try tiny.write(to: folder, "large")
    let held = try shop.ctpack.run(["generate", "large", "--json"] + Self.generate)
    #expect(held.status == 0, "\(held.errors)")
    #expect(held.json["ids"]?.array?.isEmpty == false)
  }
}
